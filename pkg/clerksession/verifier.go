package clerksession

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/clerk/clerk-sdk-go/v2"
	clerkjwt "github.com/clerk/clerk-sdk-go/v2/jwt"
	"github.com/go-jose/go-jose/v3"
	"github.com/go-jose/go-jose/v3/jwt"

	"tandem.example/pkg/bearer"
)

const (
	maxToken = 8 << 10
	leeway   = 5 * time.Second // a session token lives 60 s
)

// Verifier checks session tokens. It asks Clerk for keys, a few times an hour,
// and for nothing else.
type Verifier struct {
	cfg  Config
	keys *keyCache
	now  func() time.Time
}

// NewVerifier makes a verifier with a key cache of its own.
func NewVerifier(cfg Config, backend *Backend) *Verifier {
	return &Verifier{cfg: cfg, keys: newKeyCache(backend.keySet, time.Now), now: time.Now}
}

// Issued tells whether an unverified token says that it is from our Clerk
// instance.
func (v *Verifier) Issued(raw string) bool {
	var c struct {
		Issuer string `json:"iss"`
	}
	_, rest, _ := strings.Cut(raw, ".")
	payload, _, _ := strings.Cut(rest, ".")
	return len(raw) <= maxToken && segment(payload, &c) == nil && c.Issuer == v.cfg.Issuer
}

// Verify checks a token without looking at whether its session still is active.
// It keeps no part of raw. It returns a 401 of this package or of bearer, or
// [ErrUnavailable] when the keys cannot be had.
func (v *Verifier) Verify(ctx context.Context, raw string) (Session, error) {
	kid, err := keyID(raw)
	if err != nil {
		return Session{}, err
	}
	key, err := v.keys.find(ctx, kid)
	if err != nil {
		return Session{}, err
	}
	var own claims
	_, err = clerkjwt.Verify(ctx, &clerkjwt.VerifyParams{
		Token: strings.Clone(raw), JWK: key, Clock: clock(v.now), Leeway: leeway,
		ProxyURL:                &v.cfg.Issuer, // the SDK's one way to compare the whole issuer
		CustomClaimsConstructor: func(context.Context) any { return &own },
	})
	switch {
	case err == nil:
		s, err := own.judge(&v.cfg)
		s.Scopes = v.cfg.Roles.OfVisitor(s.roles())
		return s, err
	case own.Issuer != "" && own.Issuer != v.cfg.Issuer: // filled only under a good signature
		return Session{}, bearer.ErrIssuer
	default:
		return Session{}, reason(err)
	}
}

// keyID reads the header: an RS256 session token, whose key is named.
func keyID(raw string) (string, error) {
	var h struct {
		Algorithm string          `json:"alg"`
		Type      string          `json:"typ"`
		KeyID     string          `json:"kid"`
		Critical  json.RawMessage `json:"crit"`
	}
	first, rest, _ := strings.Cut(raw, ".")
	if len(raw) > maxToken || strings.Count(rest, ".") != 1 || segment(first, &h) != nil || h.Critical != nil {
		return "", bearer.ErrMalformed
	}
	switch {
	case h.Algorithm != "RS256":
		return "", bearer.ErrAlgorithm
	case h.Type != "JWT":
		return "", bearer.ErrType
	case h.KeyID == "" || len(h.KeyID) > 128:
		return "", bearer.ErrKey
	default:
		return strings.Clone(h.KeyID), nil
	}
}

func segment(text string, into any) error {
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, into)
}

// reason classifies the SDK's refusal without its text.
func reason(err error) error {
	switch {
	case errors.Is(err, jwt.ErrExpired):
		return bearer.ErrExpired
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		return bearer.ErrEarly
	case errors.Is(err, jose.ErrCryptoFailure):
		return bearer.ErrSignature
	default:
		return bearer.ErrClaims
	}
}

type clock func() time.Time

// Now implements [clerk.Clock].
func (c clock) Now() time.Time { return c() }

var _ clerk.Clock = clock(nil)
