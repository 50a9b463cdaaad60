// Package journey goes a client's way through auth and resources, to tell that an
// installation works: `resourcesd journey`, which helm test runs.
//
// It promises that an end without error means that a token was issued, that what
// was written was read from then on in its newest version only, whoever answered,
// and that the token was refused everywhere once it was revoked. It leaves nothing
// behind but the token's tombstone.
package journey

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"tandem.example/pkg/env"
)

// Config is the environment of the command. The client needs the grant
// client_credentials and the scopes resources:read and resources:write.
type Config struct {
	AuthURL      string     `env:"AUTH_URL,required"`
	ResourcesURL string     `env:"RESOURCES_URL,required"`
	ClientID     env.Secret `env:"JOURNEY_CLIENT_ID,required"` // no secret, but kept beside one
	ClientSecret env.Secret `env:"JOURNEY_CLIENT_SECRET,required"`
	CAFile       string     `env:"JOURNEY_CA_FILE"`
	// Reads after each change. Each has a connection of its own, so that a balancer
	// sends them to whichever instance it likes.
	Reads int `env:"JOURNEY_READS" envDefault:"20"`
}

// Check refuses what could not be gone.
func (c Config) Check(_ string, report func(variable, problem string)) {
	if c.Reads < 1 {
		report("JOURNEY_READS", "must be at least 1")
	}
	if _, err := env.CertPool(c.CAFile); err != nil {
		report("JOURNEY_CA_FILE", "must be a readable file of PEM certificates")
	}
}

// within bounds the whole journey.
const within = 2 * time.Minute

const kind = "tandem-journey" // the type of what it writes

// Run goes the way once and tells out of each step.
func Run(ctx context.Context, cfg Config, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	w, err := newWalk(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.clean(context.WithoutCancel(ctx))) }()
	for number, step := range []struct {
		title string
		take  func(*walk, context.Context) error
	}{
		{"a token is issued", (*walk).signIn},
		{"a resource is created, and read by everybody", (*walk).create},
		{"it is changed, and nobody reads the old version any more", (*walk).change},
		{"it is deleted, and nobody finds it any more", (*walk).remove},
		{"the token is revoked, and nobody takes it any more", (*walk).revoke},
	} {
		start := time.Now()
		if err := step.take(w, ctx); err != nil {
			return fmt.Errorf("step %d, %s: %w", number+1, step.title, err)
		}
		_, _ = fmt.Fprintf(out, "%d. %s (%s)\n", number+1, step.title, time.Since(start).Round(time.Millisecond))
	}
	return nil
}

func (w *walk) signIn(ctx context.Context) error {
	answer, err := w.form(ctx, "/token", "grant_type", "client_credentials", "scope", "resources:read resources:write")
	if err != nil {
		return err
	}
	w.token = answer.AccessToken
	if w.token == "" {
		return errors.New("the answer has no token")
	}
	return nil
}

func (w *walk) create(ctx context.Context) error {
	a, err := w.ask(ctx, http.MethodPost, "/v1/resources", `{"type":"`+kind+`","name":"first","attributes":{}}`)
	if err != nil {
		return err
	}
	if err := a.is(http.StatusCreated); err != nil {
		return err
	}
	w.path = a.header.Get("Location")
	return w.everywhere(ctx, http.StatusOK, `"1"`)
}

func (w *walk) change(ctx context.Context) error {
	a, err := w.ask(ctx, http.MethodPut, w.path, `{"name":"second","attributes":{},"labels":{}}`, "If-Match", `"1"`)
	if err != nil {
		return err
	}
	if err := a.is(http.StatusOK); err != nil {
		return err
	}
	return w.everywhere(ctx, http.StatusOK, `"2"`)
}

func (w *walk) remove(ctx context.Context) error {
	a, err := w.ask(ctx, http.MethodDelete, w.path, "")
	if err != nil {
		return err
	}
	if err := a.is(http.StatusNoContent); err != nil {
		return err
	}
	return w.everywhere(ctx, http.StatusNotFound, "")
}

func (w *walk) revoke(ctx context.Context) error {
	path := w.path
	w.path = "" // nothing is left
	if _, err := w.form(ctx, "/revoke", "token", w.token); err != nil {
		return err
	}
	w.path = path
	defer func() { w.path = "" }()
	if err := w.everywhere(ctx, http.StatusUnauthorized, ""); err != nil {
		return err
	}
	answer, err := w.form(ctx, "/introspect", "token", w.token)
	if err == nil && answer.Active {
		err = errors.New("auth calls the token active")
	}
	return err
}

// everywhere reads again and again, and wants the same answer from whoever it is.
func (w *walk) everywhere(ctx context.Context, status int, tag string) error {
	for range w.cfg.Reads {
		a, err := w.ask(ctx, http.MethodGet, w.path, "")
		if err != nil {
			return err
		}
		if err := a.is(status); err != nil {
			return err
		}
		if got := a.header.Get("ETag"); tag != "" && got != tag {
			return fmt.Errorf("version %s was read where %s is the newest", got, tag)
		}
	}
	return nil
}
