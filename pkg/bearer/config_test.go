package bearer_test

import (
	"slices"
	"strings"
	"testing"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/env"
)

func TestConfigRefusesSecretsThatCanBeGuessed(t *testing.T) {
	t.Parallel()
	const good = env.Secret("m3Vx9pQ0sZr7LkW2bYd5TfHc8JgNa1Ee")
	for name, c := range map[string]struct {
		current, previous env.Secret
		refused           []string
	}{
		"random":       {good, "", nil},
		"short":        {good[:31], "", []string{"JWT_SECRET"}},
		"one letter":   {env.Secret(strings.Repeat("a", 48)), "", []string{"JWT_SECRET"}},
		"old one weak": {good, env.Secret(strings.Repeat("ab", 24)), []string{"JWT_SECRET_PREVIOUS"}},
		"the same":     {good, good, []string{"JWT_SECRET_PREVIOUS"}},
	} {
		var told []string
		cfg := bearer.Config{Secret: c.current, Previous: c.previous, Issuer: "https://auth.example", Audience: "tandem"}
		cfg.Check(env.Development, func(variable, _ string) { told = append(told, variable) })
		if !slices.Equal(told, c.refused) {
			t.Errorf("%s: reported %v", name, told)
		}
	}
}
