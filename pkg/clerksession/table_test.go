package clerksession

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clerk/clerk-sdk-go/v2"
	clerkhttp "github.com/clerk/clerk-sdk-go/v2/http"
	clerkjwt "github.com/clerk/clerk-sdk-go/v2/jwt"

	"tandem.example/pkg/bearer"
	clerkstand "tandem.example/pkg/devstack/clerk"
	"tandem.example/pkg/fault"
)

// sdk is what the SDK alone makes of a token.
func sdk(t *testing.T, header, change members) (*clerk.SessionClaims, error) {
	t.Helper()
	key := &clerk.JSONWebKey{Key: &clerkKey(t).PublicKey, KeyID: "ins_1", Algorithm: "RS256", Use: "sig"}
	return clerkjwt.Verify(t.Context(), &clerkjwt.VerifyParams{Token: token(t, header, change), JWK: key})
}

// refuses wants each token to pass the SDK and not us.
func refuses(t *testing.T, want error, header members, changes ...members) {
	t.Helper()
	for _, change := range changes {
		if _, err := sdk(t, header, change); err != nil {
			t.Errorf("%v: the SDK has learned to refuse it (%v): the row is out of date", change, err)
		}
		if _, err := verifierFor(t, ourConfig()).Verify(t.Context(), token(t, header, change)); !errors.Is(err, want) {
			t.Errorf("%v %v: %v, want %v", header, change, err, want)
		}
	}
}

// TestWhatTheSDKLeavesOpen has one case for each thing that clerk-sdk-go v2.4.2
// does not check or does not bound. Where that can be shown, it is.
func TestWhatTheSDKLeavesOpen(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]func(*testing.T){
		"the keys are fetched on every call":                                                    keysOnEveryCall,
		"an unknown kid costs an upstream call each time":                                       unknownKids,
		"ASVS 9.1.3 use prolongs the life of a withdrawn key":                                   withdrawnKey,
		"each program shares one key cache":                                                     sharedCache,
		"RFC 8725 3.8 the issuer needs only to look like Clerk's":                               looseIssuer,
		"RFC 8725 3.10, 3.11, ASVS 9.2.1, 9.2.2, 9.2.3 exp, sid, aud and typ are not asked for": missingClaims,
		"a pending session passes": func(t *testing.T) {
			t.Helper()
			refuses(t, ErrPending, nil, members{"sts": "pending"})
		},
		"an empty azp passes the allow-list":                     emptyParty,
		"version 2 without an organisation reports version 1":    noOrganisation,
		"RFC 8725 3.10 ids go into URLs unescaped":               unescapedIDs,
		"ASVS 16.5.2 upstream faults are passed on as they come": upstreamFaults,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row(t)
		})
	}
}

func keysOnEveryCall(t *testing.T) {
	t.Helper()
	server, cfg, backend := standIn(t)
	raw := signIn(t, server, clerkstand.Wish{}).JWT
	for range 3 {
		if _, err := clerkjwt.Verify(t.Context(), &clerkjwt.VerifyParams{Token: raw, JWKSClient: backend.jwks, IsSatellite: true}); err != nil {
			t.Fatal(err)
		}
	}
	if n := server.Calls("GET /v1/jwks"); n != 3 {
		t.Errorf("the SDK asked %d times: the row is out of date", n)
	}
	v := NewVerifier(cfg, backend)
	for range 10 {
		if _, err := v.Verify(t.Context(), raw); err != nil {
			t.Fatal(err)
		}
	}
	if n := server.Calls("GET /v1/jwks"); n != 4 {
		t.Errorf("we asked %d times for 10 tokens", n-3)
	}
}

func unknownKids(t *testing.T) {
	t.Helper()
	up := newUpstream(t, "ins_1")
	v := verifierFor(t, ourConfig())
	v.keys = newKeyCache(up.fetch, time.Now)
	raw := token(t, members{"kid": "ins_unknown"}, nil)
	for range 100 {
		if _, err := v.Verify(t.Context(), raw); !errors.Is(err, bearer.ErrKey) {
			t.Fatal(err)
		}
	}
	if n := up.calls.Load(); n > 2+100/int64(unknownFor/time.Second) { // the keys, and once in each unknownFor
		t.Errorf("asked %d times about one kid", n)
	}
}

func withdrawnKey(t *testing.T) {
	t.Helper()
	up := newUpstream(t, "a")
	synctest.Test(t, func(t *testing.T) {
		cache := newKeyCache(up.fetch, time.Now)
		if _, err := cache.find(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		up.set(nil, "b")
		begin := time.Now()
		for time.Since(begin) < keysFor {
			_, _ = cache.find(t.Context(), "a") // until it is noticed it passes
			<-time.After(time.Second)
		}
		if _, err := cache.find(t.Context(), "a"); !errors.Is(err, bearer.ErrKey) {
			t.Errorf("accepted 5 minutes after Clerk withdrew it: %v", err)
		}
	})
}

func sharedCache(t *testing.T) {
	t.Helper()
	one, other := newUpstream(t, "a"), newUpstream(t, "b")
	first, second := newKeyCache(one.fetch, time.Now), newKeyCache(other.fetch, time.Now)
	if _, err := first.find(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := second.find(t.Context(), "a"); !errors.Is(err, bearer.ErrKey) {
		t.Errorf("a key of another instance of Clerk: %v", err)
	}
}

func looseIssuer(t *testing.T) {
	t.Helper()
	refuses(t, bearer.ErrIssuer, nil,
		members{"iss": "https://clerk.evil.example"}, members{"iss": "https://x.clerk.accounts.evil.example"}, members{"iss": ourIssuer + "/"})
}

func missingClaims(t *testing.T) {
	t.Helper()
	refuses(t, bearer.ErrClaims, nil, members{"exp": nil}, members{"sid": nil}, members{"sub": nil})
	refuses(t, bearer.ErrAudience, nil, members{"aud": "somebody"}, members{"aud": []string{"a", "b"}})
	refuses(t, bearer.ErrType, members{"typ": "at+jwt"}, nil)
	refuses(t, bearer.ErrType, members{"typ": nil}, nil)
}

func emptyParty(t *testing.T) {
	t.Helper()
	var params clerkhttp.AuthorizationParams
	if err := clerkhttp.AuthorizedPartyMatches(ourParty)(&params); err != nil || !params.AuthorizedPartyHandler("") {
		t.Errorf("the SDK refuses an empty azp: the row is out of date (%v)", err)
	}
	refuses(t, ErrParty, nil, members{"azp": ""}, members{"azp": nil}, members{"azp": "https://evil.example"})
	cfg := ourConfig()
	cfg.AllowNoParty = true // by explicit setting
	if _, err := verifierFor(t, cfg).Verify(t.Context(), token(t, nil, members{"azp": nil})); err != nil {
		t.Error(err)
	}
	if _, err := verifierFor(t, cfg).Verify(t.Context(), token(t, nil, members{"azp": "https://evil.example"})); !errors.Is(err, ErrParty) {
		t.Errorf("another azp where none is allowed: %v", err)
	}
}

func noOrganisation(t *testing.T) {
	t.Helper()
	change := members{"v": 2, "org_id": "org_1", "org_role": "org:admin"}
	if got, err := sdk(t, nil, change); err != nil || got.Version != 1 || got.ActiveOrganizationID != "org_1" {
		t.Errorf("the SDK says %+v, %v: the row is out of date", got, err)
	}
	got, err := verifierFor(t, ourConfig()).Verify(t.Context(), token(t, nil, change))
	if err != nil || got.OrgID != "" || got.OrgRole != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

func unescapedIDs(t *testing.T) {
	t.Helper()
	server, _, backend := standIn(t)
	for _, id := range []string{"../users/user_1", "sess_1/../../users", "sess_1?x=y", "sess_1#", "sess_", "", "sess_é", "sess_" + strings.Repeat("a", 200)} {
		if err := backend.Active(t.Context(), id, "user_1"); !errors.Is(err, ErrEnded) {
			t.Errorf("%q: %v", id, err)
		}
		if err := backend.Active(t.Context(), "sess_1", strings.Replace(id, "sess", "user", 1)); !errors.Is(err, ErrEnded) {
			t.Errorf("the user of %q: %v", id, err)
		}
	}
	if n := server.Calls("GET /v1/sessions/{id}") + server.Calls("GET /v1/users/{id}"); n != 0 {
		t.Errorf("%d questions were sent", n)
	}
}

// upstreamFaults become one 503, whose text is ours. What may pass is tried
// twice.
func upstreamFaults(t *testing.T) {
	t.Helper()
	const theirs = "sk_live_secret of the operator"
	for name, test := range map[string]struct {
		status     int
		body       string
		retryAfter time.Duration // what Clerk asks for
		want       time.Duration // what the caller is told
		calls      int
	}{
		"rate limited":            {429, `{"errors":[{"message":"` + theirs + `"}]}`, 7 * time.Second, 7 * time.Second, 1},
		"rate limited for a year": {429, `{}`, 8760 * time.Hour, maxRetryAfter, 1},
		"a page of HTML":          {502, "<html>" + theirs, 0, ErrUnavailable.RetryAfter, 2},
		"our key is wrong":        {401, `{"errors":[{"message":"` + theirs + `"}]}`, 0, ErrUnavailable.RetryAfter, 1},
		"a proxy's 404":           {404, "<html>" + theirs, 0, ErrUnavailable.RetryAfter, 1},
		"a gateway's 404":         {404, `{"errors":[],"message":"` + theirs + `"}`, 0, ErrUnavailable.RetryAfter, 1},
		"a redirect":              {302, "", 0, ErrUnavailable.RetryAfter, 1},
		"an empty object":         {200, `{}`, 0, ErrUnavailable.RetryAfter, 1},
		"null":                    {200, `null`, 0, ErrUnavailable.RetryAfter, 1},
		"another document":        {200, `{"object":"user","id":"sess_1","user_id":"user_1","status":"active"}`, 0, ErrUnavailable.RetryAfter, 1},
		"another session":         {200, `{"object":"session","id":"sess_2","user_id":"user_1","status":"active"}`, 0, ErrUnavailable.RetryAfter, 1},
		"no status":               {200, `{"object":"session","id":"sess_1","user_id":"user_1"}`, 0, ErrUnavailable.RetryAfter, 1},
		"no JSON":                 {200, "<html>" + theirs, 0, ErrUnavailable.RetryAfter, 2},
		"a body without an end":   {200, `{"x":"` + strings.Repeat(theirs, maxBody/8), 0, ErrUnavailable.RetryAfter, 2},
	} {
		calls := 0
		backend := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
			calls++
			w.Header().Set("Location", "https://evil.example/")
			if test.retryAfter > 0 {
				w.Header().Set("Retry-After", seconds(test.retryAfter))
			}
			w.WriteHeader(test.status)
			_, _ = w.Write([]byte(test.body))
		})
		err := backend.Active(t.Context(), "sess_1", "user_1")
		if !errors.Is(err, ErrUnavailable) || fault.From(err).RetryAfter != test.want || strings.Contains(err.Error(), theirs) {
			t.Errorf("%s: %v", name, err)
		}
		if calls != test.calls {
			t.Errorf("%s: asked %d times", name, calls)
		}
	}
	recovers := 0
	backend := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		if recovers++; recovers == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = w.Write([]byte(`{"object":"session","id":"sess_1","user_id":"user_1","status":"active","new":[]}`))
	})
	if err := backend.Active(context.WithoutCancel(t.Context()), "sess_1", "user_1"); err != nil {
		t.Errorf("a fault that passed: %v", err)
	}
}
