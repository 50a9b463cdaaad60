package app_test

import (
	"testing"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/clerk"
)

// While Clerk does not answer, nobody new is let in and nobody put out.
func TestFaultsOfClerk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	i := w.start(t)
	known, _ := w.visitor(t, clerk.Wish{})
	path, _ := i.create(t, known, `{"type":"invoice","name":"n"}`)
	for name, fault := range map[string]struct {
		fault clerk.Fault
		wait  string
	}{"429": {clerk.RateLimited(9 * time.Second), "9"}, "502": {clerk.BadGateway(), "2"}, "hang": {clerk.Hang(), "2"}} {
		w.stack.Clerk.Break(fault.fault)
		stranger, _ := w.visitor(t, clerk.Wish{})
		got := i.call(t, stranger, "GET", "/v1/resources", "")
		got.is(t, 503, "clerk_unavailable")
		if got.header.Get("Retry-After") != fault.wait {
			t.Errorf("%s: Retry-After %q", name, got.header.Get("Retry-After"))
		}
		if got := i.call(t, known, "GET", path, ""); got.status != 200 {
			t.Errorf("%s, seen before: %d %s", name, got.status, got.body)
		}
		w.stack.Clerk.Mend()
		if got := i.call(t, stranger, "GET", "/v1/resources", ""); got.status != 200 {
			t.Errorf("after %s: %d %s", name, got.status, got.body)
		}
	}
}

// A new key is taken at once, and no token of the one before.
func TestClerkRotatesItsKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	i := w.start(t)
	before, session := w.visitor(t, clerk.Wish{})
	path, _ := i.create(t, before, `{"type":"invoice","name":"n"}`)
	if _, err := w.stack.Clerk.RotateKeys(); err != nil {
		t.Fatal(err)
	}
	after, _ := w.visitor(t, clerk.Wish{SessionID: session.SessionID})
	if got := i.call(t, after, "GET", path, ""); got.status != 200 {
		t.Errorf("the new key: %d %s", got.status, got.body)
	}
	i.call(t, before, "GET", path, "").is(t, 401, "token_key_unknown")
}

// What auth does on an event of Clerk's ends the session at every instance, also
// where it was seen, and whatever Clerk says of it.
func TestASessionThatEndedAtClerkIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	i, next := w.start(t), w.start(t)
	for name, id := range map[string]func(clerk.Token) string{
		"the session": func(s clerk.Token) string { return s.SessionID },
		"the user":    func(s clerk.Token) string { return s.UserID },
	} {
		by, session := w.visitor(t, clerk.Wish{})
		path, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
		if got := next.call(t, by, "GET", path, ""); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		asked := w.stack.Clerk.Calls("GET /v1/sessions/{id}")
		pipe := w.redis.TxPipeline()
		pipe.Set(t.Context(), bearer.ClerkRevokedKey(id(session)), "1", time.Minute)
		pipe.Del(t.Context(), bearer.ClerkKey(id(session)))
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, at := range []*instance{i, next} {
			for _, op := range operations(path) {
				at.call(t, by, op.method, op.path, op.body).is(t, 401, "token_revoked")
			}
		}
		if n := w.stack.Clerk.Calls("GET /v1/sessions/{id}"); n != asked {
			t.Errorf("%s: Clerk was asked %d times", name, n-asked)
		}
	}
}
