package chaos

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// How long a client waits before it counts an outcome as unknown.
const (
	readFor  = 800 * time.Millisecond
	writeFor = 2 * time.Second
	patience = 20 * time.Second // of the patient
)

// answer is what an instance said. Status is zero if it said nothing.
type answer struct {
	span
	status int
	code   string // of a problem
	cache  string // what the cache said of itself
	body   []byte
}

// asker is all clients' way to the services.
type asker struct {
	http    *http.Client
	clock   clock
	tally   *tally
	patient bool // waits for an answer much longer, since there is to be one
}

func newAsker(caFile string, c clock, t *tally) (*asker, error) {
	transport, err := trusting(caFile)
	return &asker{http: &http.Client{Transport: transport}, clock: c, tally: t}, err
}

// trusting is a way to servers whose certificates are of that authority.
func trusting(caFile string) (*http.Transport, error) {
	pem, err := os.ReadFile(caFile) //nolint:gosec // the stack's own authority
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", caFile)
	}
	return &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 64,
	}, nil
}

// send never fails: an answer that did not come is one without a status.
func (a *asker) send(ctx context.Context, method, target, token, body string, header ...string) answer {
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return answer{}
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	return a.do(r)
}

// form is for the endpoints of OAuth.
func (a *asker) form(ctx context.Context, target, user, password string, values url.Values) answer {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(values.Encode()))
	if err != nil {
		return answer{}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(user), url.QueryEscape(password))
	return a.do(r)
}

func (a *asker) do(r *http.Request) (got answer) {
	got.begin = a.clock.now()
	defer func() { got.end = a.clock.now() }()
	limit := writeFor
	if r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, "/batch-get") {
		limit = readFor
	}
	if a.patient {
		limit = patience
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	response, err := a.http.Do(r.WithContext(ctx))
	if err != nil {
		return got
	}
	defer func() { _ = response.Body.Close() }() // it was read
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return got
	}
	got.status, got.body, got.cache = response.StatusCode, body, response.Header.Get("Cache-Status")
	if got.status >= http.StatusBadRequest {
		var p struct {
			Code string `json:"code"`
		}
		_ = json.Unmarshal(body, &p) // then it has no code
		got.code = p.Code
	}
	return got
}

// outcome is what an answer tells of a write's effect.
func (a answer) outcome() verdict {
	switch {
	case a.status >= 200 && a.status < 300:
		return done
	case a.status == http.StatusNotFound && bytes.Contains(a.body, []byte("resource_not_found")):
		return absent
	case a.status == http.StatusPreconditionFailed:
		return refused
	case a.status >= 400 && a.status < 500:
		return nothing
	}
	return unknown
}
