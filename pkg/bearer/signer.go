package bearer

import (
	"fmt"

	"github.com/go-json-experiment/json"
)

// Sign writes a token with the current secret.
func (s Secrets) Sign(c Claims) (string, error) {
	payload, err := json.Marshal(&c)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	return s[0].sign(payload), nil
}
