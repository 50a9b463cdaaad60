package bearer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Introspector asks auth whether tokens are live (RFC 7662), for services without
// access to the Redis of tokens. Each answer costs a round trip and counts for
// one request: an answer that is kept is a revocation that is missed.
type Introspector struct {
	URL              string // such as https://auth.example/introspect
	ClientID, Secret string
	Client           *http.Client // nil: one that trusts the system's authorities
}

const (
	maxDescription = 64 << 10
	askWithin      = 3 * time.Second
)

// Live implements [Status].
func (i *Introspector) Live(ctx context.Context, raw string) error {
	active, err := i.ask(ctx, raw)
	switch {
	case err != nil:
		return ErrUnread.Because(err)
	case !active:
		return ErrRevoked
	default:
		return nil
	}
}

func (i *Introspector) ask(ctx context.Context, raw string) (active bool, err error) {
	form := url.Values{"token": {raw}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, i.URL, strings.NewReader(form)) //nolint:gosec // the operator names the URL
	if err != nil {
		return false, fmt.Errorf("introspect: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(url.QueryEscape(i.ClientID), url.QueryEscape(i.Secret)) // RFC 6749 §2.3.1
	client := http.Client{Timeout: askWithin}
	if i.Client != nil {
		client = *i.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // tokens go nowhere else
	response, err := client.Do(request)                                                                  //nolint:gosec // likewise
	if err != nil {
		return false, fmt.Errorf("introspect: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return false, fmt.Errorf("introspect: status %d", response.StatusCode)
	}
	var description struct {
		Active *bool `json:"active"`
	}
	err = json.UnmarshalRead(io.LimitReader(response.Body, maxDescription), &description)
	if err != nil || description.Active == nil {
		return false, fmt.Errorf("introspect: the answer is none")
	}
	return *description.Active, nil
}
