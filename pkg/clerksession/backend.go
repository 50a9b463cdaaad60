package clerksession

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/clerk/clerk-sdk-go/v2"
	"github.com/clerk/clerk-sdk-go/v2/jwks"
	"github.com/clerk/clerk-sdk-go/v2/session"

	"tandem.example/pkg/env"
)

// Backend asks Clerk's Backend API.
type Backend struct {
	sessions *session.Client
	jwks     *jwks.Client
	http     *http.Client
	asking   flights[*clerk.Session]
}

// NewBackend makes a client; it asks nothing yet.
func NewBackend(cfg Config) (*Backend, error) {
	roots, err := env.CertPool(cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("CLERK_CA_FILE: %w", err)
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute,
		TLSHandshakeTimeout: 2 * time.Second, ResponseHeaderTimeout: 3 * time.Second, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
	}
	client := &http.Client{
		Transport:     bounded{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	config := clerk.ClientConfig{BackendConfig: clerk.BackendConfig{
		HTTPClient: client, URL: new(cfg.APIURL + "/v1"), Key: new(cfg.SecretKey.Reveal()),
	}}
	return &Backend{sessions: session.NewClient(&config), jwks: jwks.NewClient(&config), http: client}, nil
}

// Close lets idle connections go.
func (b *Backend) Close() { b.http.CloseIdleConnections() }

func (b *Backend) keySet(ctx context.Context) ([]*clerk.JSONWebKey, error) {
	set, err := twice(ctx, func() (*clerk.JSONWebKeySet, error) { return b.jwks.Get(ctx, &jwks.GetParams{}) })
	if err != nil {
		return nil, unavailable("read Clerk's keys", err)
	}
	return set.Keys, nil
}

// Why Clerk's answer about a session is not a yes.
var (
	errFinal   = errors.New("its status is final")
	errNotYet  = errors.New("its status may still change")
	errForeign = errors.New("the answer is not a session, or another's")
)

// Active confirms at Clerk that the session has not ended and is the user's. It
// returns [ErrEnded] or [ErrUnavailable].
func (b *Backend) Active(ctx context.Context, sessionID, userID string) error {
	if !IsSession(sessionID) || !IsUser(userID) {
		return ErrEnded
	}
	got, err := b.asking.do(ctx, sessionID, func(ctx context.Context) (*clerk.Session, error) {
		return twice(ctx, func() (*clerk.Session, error) { return b.sessions.Get(ctx, sessionID) })
	})
	if refused, ok := errors.AsType[*statusError](err); ok && refused.status == http.StatusNotFound && refused.clerks {
		return ErrEnded.Because(errNotYet)
	}
	if err != nil {
		return unavailable("read Clerk's session", err)
	}
	return verdict(got, sessionID, userID)
}

// verdict believes an answer only if it is about the session that was asked for: a
// proxy's page or another version of the API is no reason to log anybody out.
func verdict(got *clerk.Session, sessionID, userID string) error {
	if got.Object != "session" || got.ID != sessionID || got.UserID == "" || got.Status == "" {
		return unavailable("read Clerk's session", errForeign)
	}
	switch {
	case got.Status == "active" && got.UserID == userID:
		return nil
	case slices.Contains([]string{"ended", "removed", "revoked", "expired", "abandoned", "replaced"}, got.Status):
		return ErrEnded.Because(errFinal)
	default:
		return ErrEnded.Because(errNotYet)
	}
}

// twice repeats a read once if Clerk stumbled.
func twice[T any](ctx context.Context, read func() (T, error)) (T, error) {
	value, err := read()
	if err == nil || ctx.Err() != nil {
		return value, err
	}
	if refused, ok := errors.AsType[*statusError](err); ok && refused.status < http.StatusInternalServerError {
		return value, err
	}
	return read()
}

// unavailable hides what Clerk wrote, and passes on when it wants to be asked
// again.
func unavailable(what string, err error) error {
	f := ErrUnavailable.Because(fmt.Errorf("%s: %w", what, err))
	if refused, ok := errors.AsType[*statusError](err); ok && refused.retryAfter > 0 {
		return f.After(refused.retryAfter)
	}
	return f
}
