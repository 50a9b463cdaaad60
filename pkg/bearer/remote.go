package bearer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"tandem.example/pkg/keycache"
)

const (
	// freshFor is how old a key set may be: with the time that auth takes to look
	// at its files, what a withdrawn key may still be good for.
	freshFor = 15 * time.Second
	maxJWKS  = 64 << 10
)

// Remote is the keys that auth publishes, for services that need no secret to
// verify its tokens. It renews them in the background while they are used, and
// uses them for no more than five minutes if it cannot ([keycache.Limit]).
type Remote struct {
	url    string
	client *http.Client
	cache  keycache.Cache[KeySet]
}

// NewRemote makes the key set of a URL such as
// https://auth.example/.well-known/jwks.json; it asks nothing yet. A nil client
// trusts the system's authorities.
func NewRemote(address string, client *http.Client) (*Remote, error) {
	if !httpsURL(address) {
		return nil, errors.New("a key set needs an https URL")
	}
	if client == nil {
		client = keyClient(nil)
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the URL is the trust
	r := &Remote{url: address, client: &own}
	r.cache.Ask, r.cache.Fresh = r.fetch, freshFor
	return r, nil
}

func httpsURL(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Host != ""
}

func keyClient(roots *x509.CertPool) *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 2 * time.Second, ResponseHeaderTimeout: 2 * time.Second,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
	}}
}

// ByHeader implements [Keys].
func (r *Remote) ByHeader(segment string) *Key {
	set, _ := r.cache.Peek()
	return set.ByHeader(segment)
}

// ByID implements [Keys]. Without keys it returns [ErrKeys].
func (r *Remote) ByID(ctx context.Context, kid string) (*Key, error) {
	set, err := r.cache.For(ctx, kid)
	if err != nil {
		return nil, ErrKeys.Because(err)
	}
	return set.ByID(ctx, kid)
}

// Ready tells whether there are keys, and gets them if there are none. It
// returns [ErrKeys].
func (r *Remote) Ready(ctx context.Context) error {
	if _, err := r.cache.Get(ctx); err != nil {
		return ErrKeys.Because(err)
	}
	return nil
}

// Close lets idle connections go.
func (r *Remote) Close() { r.client.CloseIdleConnections() }

func (r *Remote) fetch(ctx context.Context) (KeySet, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Cache-Control", "no-cache") // no proxy may remember a key that was withdrawn
	response, err := r.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxJWKS+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the key set: %w", err)
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("read the key set: status %d", response.StatusCode)
	case len(text) > maxJWKS:
		return nil, fmt.Errorf("%w: more than %d bytes", errKeySet, maxJWKS)
	default:
		return parseJWKS(text)
	}
}
