package devstack_test

import (
	"testing"

	"tandem.example/pkg/devstack"
)

// Servers that the caller has are used as they are, and cannot be killed.
func TestExternalServers(t *testing.T) {
	t.Parallel()
	theirs := devstack.T(t, devstack.Options{Database: true, Redis: true, NATS: true})
	s, err := devstack.Start(t.Context(), devstack.Options{
		Database: true, Redis: true, NATS: true,
		DatabaseURL: theirs.DatabaseURL, RedisURL: theirs.RedisURL, NATSURL: theirs.NATSURL,
	})
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		s.DatabaseURL: theirs.DatabaseURL, s.DatabaseURLFor(devstack.Auth): theirs.DatabaseURL,
		s.RedisURL: theirs.RedisURL, s.RedisURLFor(devstack.Resources): theirs.RedisURL,
		s.NATSURL: theirs.NATSURL, s.NATSURLFor(devstack.Auth): theirs.NATSURL,
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if s.Database() != "" || s.DatabaseUser(devstack.Auth) != "" {
		t.Error("the stack takes the database for its own")
	}
	for _, name := range []string{"postgres", "redis", "nats"} {
		if err := s.Kill(name); err == nil {
			t.Errorf("%s was killed", name)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	_ = connect(t, theirs.DatabaseURL) // fails if it is gone
}
