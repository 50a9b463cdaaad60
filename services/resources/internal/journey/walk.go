package journey

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tandem.example/pkg/env"
)

const maxAnswer = 1 << 20

// walk is one journey.
type walk struct {
	cfg    Config
	client *http.Client
	token  string
	path   string // of the resource, while there is one
}

func newWalk(cfg Config) (*walk, error) {
	roots, err := env.CertPool(cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("JOURNEY_CA_FILE: %w", err)
	}
	return &walk{cfg: cfg, client: &http.Client{
		Timeout: 25 * time.Second, // longer than a service works on one request
		Transport: &http.Transport{
			DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// is fails with what names the problem; the whole body may hold a token.
func (a answer) is(status int) error {
	if a.status == status {
		return nil
	}
	var problem struct {
		Code  string `json:"code"`
		Error string `json:"error"`
	}
	_ = json.Unmarshal(a.body, &problem) // then there is nothing to show
	return fmt.Errorf("the answer is %d %s, not %d", a.status, problem.Code+problem.Error, status)
}

// tokenAnswer is what the OAuth endpoints say, as far as it matters here.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	Active      bool   `json:"active"`
}

// form posts to auth as the client.
func (w *walk) form(ctx context.Context, path string, pairs ...string) (tokenAnswer, error) {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.cfg.AuthURL+path, strings.NewReader(values.Encode()))
	if err != nil {
		return tokenAnswer{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(w.cfg.ClientID.Reveal()), url.QueryEscape(w.cfg.ClientSecret.Reveal()))
	a, err := w.send(r)
	if err == nil {
		err = a.is(http.StatusOK)
	}
	var said tokenAnswer
	if err == nil && len(bytes.TrimSpace(a.body)) > 0 {
		err = json.Unmarshal(a.body, &said)
	}
	return said, err
}

// ask sends a request to resources with the token.
func (w *walk) ask(ctx context.Context, method, path, body string, header ...string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, w.cfg.ResourcesURL+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return w.send(r)
}

func (w *walk) send(r *http.Request) (answer, error) {
	response, err := w.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	_ = response.Body.Close() // it was read
	return answer{response.StatusCode, response.Header, body}, err
}

// clean takes away what a journey that failed left behind.
func (w *walk) clean(ctx context.Context) error {
	if w.path == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	a, err := w.ask(ctx, http.MethodDelete, w.path, "")
	if err == nil && a.status != http.StatusNotFound {
		err = a.is(http.StatusNoContent)
	}
	if err != nil {
		return fmt.Errorf("%s is left behind: %w", w.path, err)
	}
	return nil
}
