// Package demo walks through a running pair as its users do, over HTTPS, and
// checks every step.
//
// It promises that an exit without error means the whole journey happened: two
// ways to sign in, a miss and then a hit, a change that another instance shows
// at once, its event in another process, a token that is refused once it is
// revoked, and a session that ends everywhere once it has ended at Clerk.
package demo

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// Stack is what a running pair publishes in its stack.env.
type Stack map[string]string

// Run makes the journey and tells about each step. Subscriber is a program that
// prints the events it hears, one a line (see [Listen]).
func Run(ctx context.Context, stack Stack, subscriber []string, out io.Writer) error {
	client, err := httpClient(stack["CA_FILE"])
	if err != nil {
		return err
	}
	w := &walk{ctx: ctx, stack: stack, client: client, out: out}
	other, err := w.listen(subscriber)
	if err != nil {
		return err
	}
	defer other.stop()
	for _, step := range []func(*walk, *listener) error{signIn, exchange, create, change, announce, revoke, signOut} {
		if err := step(w, other); err != nil {
			w.say("✗ %v", err)
			return fmt.Errorf("step %d: %w", w.steps, err)
		}
	}
	w.say("\nall %d steps went as they should", w.steps)
	return nil
}

func httpClient(caFile string) (*http.Client, error) {
	pem, err := os.ReadFile(caFile) //nolint:gosec // named by the stack
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", caFile)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}, nil
}

func signIn(w *walk, _ *listener) error {
	w.title("Sign in with a password")
	answer, err := w.form(w.stack["AUTH_URL"]+"/token", http.StatusOK,
		"grant_type", "password", "username", w.stack["DEMO_USER"], "password", w.stack["DEMO_PASSWORD"],
		"scope", "resources:read resources:write")
	if err != nil {
		return err
	}
	w.token = answer.text("access_token")
	return answer.needs("token_type", "Bearer")
}

func create(w *walk, _ *listener) error {
	w.title("Create a resource, ask for it once more under the same key, read it twice")
	key, body := rand.Text(), `{"type":"invoice","name":"first draft","attributes":{"amount":1250},"labels":{"demo":"`+rand.Text()+`"}}`
	for _, instance := range []string{"RESOURCES_URL", "RESOURCES_2_URL"} {
		made, err := w.json(http.MethodPost, w.stack[instance]+"/v1/resources", w.token, http.StatusCreated, body, "Idempotency-Key", key)
		if err != nil {
			return err
		}
		if again := made.header.Get("Idempotent-Replayed") == "true"; again != (w.id != "") || again && made.text("id") != w.id {
			return fmt.Errorf("under one key %s was made, then %s", w.id, made.text("id"))
		}
		w.path, w.id = made.header.Get("Location"), made.text("id")
	}
	for _, outcome := range []string{"fwd=miss", "hit"} {
		got, err := w.json(http.MethodGet, w.stack["RESOURCES_URL"]+w.path, w.token, http.StatusOK, "")
		if err != nil {
			return err
		}
		if err := got.cached(outcome); err != nil {
			return err
		}
	}
	return nil
}

func change(w *walk, _ *listener) error {
	w.title("Change it through the second instance, read it through the first at once")
	_, err := w.json(http.MethodPut, w.stack["RESOURCES_2_URL"]+w.path, w.token, http.StatusOK,
		`{"name":"final","attributes":{"amount":1300},"labels":{}}`)
	if err != nil {
		return err
	}
	got, err := w.json(http.MethodGet, w.stack["RESOURCES_URL"]+w.path, w.token, http.StatusOK, "")
	if err != nil {
		return err
	}
	return errors.Join(got.needs("name", "final"), got.needs("version", float64(2)))
}

func announce(w *walk, l *listener) error {
	w.title("The change as another process heard of it")
	return l.await(w.id, 2)
}

func revoke(w *walk, _ *listener) error {
	w.title("Revoke the token, and be refused")
	if _, err := w.form(w.stack["AUTH_URL"]+"/revoke", http.StatusOK, "token", w.token); err != nil {
		return err
	}
	for _, instance := range []string{"RESOURCES_URL", "RESOURCES_2_URL"} {
		refused, err := w.json(http.MethodGet, w.stack[instance]+w.path, w.token, http.StatusUnauthorized, "")
		if err != nil {
			return err
		}
		if err := refused.needs("code", "token_revoked"); err != nil {
			return err
		}
	}
	return nil
}
