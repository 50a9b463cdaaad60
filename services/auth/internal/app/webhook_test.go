package app_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	svix "github.com/svix/svix-webhooks/go"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/clerk"
)

const webhook = "/webhooks/clerk"

// notice is a delivery as Clerk makes it, unless a test changes something.
type notice struct {
	id, body, secret string
	at               time.Time
}

func (s *service) notice(event, session, user string) notice {
	data := fmt.Sprintf(`{"object":"session","id":%q,"user_id":%q}`, session, user)
	if event == "user.deleted" {
		data = fmt.Sprintf(`{"object":"user","id":%q,"deleted":true}`, user)
	}
	body := fmt.Sprintf(`{"object":"event","type":%q,"data":%s,"timestamp":%d}`, event, data, time.Now().UnixMilli())
	return notice{"msg_" + rand.Text(), body, s.env["CLERK_WEBHOOK_SECRET"], time.Now()}
}

func (s *service) deliver(n notice) reply {
	s.t.Helper()
	signer, err := svix.NewWebhook(n.secret)
	if err != nil {
		s.t.Fatal(err)
	}
	signature, err := signer.Sign(n.id, n.at, []byte(n.body))
	if err != nil {
		s.t.Fatal(err)
	}
	return s.send(s.request(http.MethodPost, webhook, n.body, map[string]string{
		"Content-Type": "application/json", "svix-id": n.id, "svix-timestamp": strconv.FormatInt(n.at.Unix(), 10), "svix-signature": signature,
	}))
}

// visitor is a session of Clerk's in all forms that it has here.
type visitor struct {
	clerk.Token

	access, refresh string
}

func (s *service) visitor(w clerk.Wish) visitor {
	s.t.Helper()
	v := visitor{Token: s.visit(w)}
	if got := s.bearer(http.MethodGet, "/v1/me", v.JWT); got.status != 200 {
		s.t.Fatalf("direct use: %d %s", got.status, got.body)
	}
	got := s.exchange(v.JWT)
	if got.status != 200 {
		s.t.Fatalf("exchange: %d %s", got.status, got.body)
	}
	v.access, v.refresh = got.text("access_token"), got.text("refresh_token")
	return v
}

// over wants nothing of the session to be accepted.
func (s *service) over(what string, v visitor) {
	s.t.Helper()
	fresh := s.visit(clerk.Wish{SessionID: v.SessionID})
	for name, token := range map[string]string{"direct": v.JWT, "a new token": fresh.JWT, "exchanged": v.access} {
		if got := s.bearer(http.MethodGet, "/v1/me", token); got.status != 401 || got.text("code") != "token_revoked" {
			s.t.Errorf("%s, %s: %d %s", what, name, got.status, got.body)
		}
	}
	if got := s.exchange(fresh.JWT); got.text("error") != "invalid_request" {
		s.t.Errorf("%s, exchanged again: %d %s", what, got.status, got.body)
	}
	if s.active(v.access) {
		s.t.Errorf("%s: introspection calls it active", what)
	}
	if got := s.refresh(v.refresh); got.text("error") != "invalid_grant" {
		s.t.Errorf("%s, refreshed: %d %s", what, got.status, got.body)
	}
}

// lives wants everything of the session to be accepted, and not asked for.
func (s *service) lives(what string, v visitor) {
	s.t.Helper()
	for name, token := range map[string]string{"direct": v.JWT, "exchanged": v.access} {
		if got := s.bearer(http.MethodGet, "/v1/me", token); got.status != 200 {
			s.t.Errorf("%s, %s: %d %s", what, name, got.status, got.body)
		}
	}
}

func (s *service) count(query string, args ...any) (n int) {
	s.t.Helper()
	if err := s.db.Pool().QueryRow(s.t.Context(), query, args...).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// All the while Clerk itself goes on calling the sessions active: what ends them
// is the event alone.
func TestAnEndAtClerkEndsAllThatCameOfIt(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	for _, event := range []string{"session.ended", "session.removed", "session.revoked"} {
		v := s.visitor(clerk.Wish{})
		other := s.visitor(clerk.Wish{UserID: v.UserID})
		n := s.notice(event, v.SessionID, v.UserID)
		if got := s.deliver(n); got.status != 200 || got.body != `{"revoked":1}` {
			t.Fatalf("%s: %d %s", event, got.status, got.body)
		}
		s.over(event, v)
		s.lives("another session of the user", other)

		if got := s.deliver(n); got.status != 200 || got.body != `{"revoked":0}` {
			t.Errorf("%s, repeated: %d %s", event, got.status, got.body)
		}
		late := s.notice("session.created", v.SessionID, v.UserID)
		late.body = strings.Replace(late.body, `"timestamp":`, `"timestamp":9`, 1)
		if got := s.deliver(late); got.status != 204 || got.body != "" {
			t.Errorf("%s, a late beginning: %d %s", event, got.status, got.body)
		}
		if got := s.deliver(s.notice("session.ended", v.SessionID, v.UserID)); got.status != 200 {
			t.Errorf("%s, ended again: %d %s", event, got.status, got.body)
		}
		s.over(event+", after that", v)
		notices := s.count(`SELECT count(*) FROM audit WHERE type = 'clerk.notice' AND session_id = $1 AND detail->>'delivery' = $2`, v.SessionID, n.id)
		ends := s.count(`SELECT count(*) FROM audit WHERE type = 'session.end' AND actor = 'clerk' AND subject = $1`, v.UserID)
		rows := s.count(`SELECT count(*) FROM sessions WHERE origin = $1`, v.SessionID)
		if notices != 1 || ends != 1 || rows != 0 {
			t.Errorf("%s: %d notices and %d ends in the log, %d rows left", event, notices, ends, rows)
		}
	}
}

func TestASVS_7_4_2_AUserDeletedAtClerkIsDeletedHere(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	first := s.visitor(clerk.Wish{})
	second := s.visitor(clerk.Wish{UserID: first.UserID, OrgID: "org_1"})
	stranger := s.visitor(clerk.Wish{OrgID: "org_1"})
	n := s.notice("user.deleted", "", first.UserID)
	for _, want := range []string{`{"revoked":2}`, `{"revoked":0}`} {
		if got := s.deliver(n); got.status != 200 || got.body != want {
			t.Fatalf("%d %s, want %s", got.status, got.body, want)
		}
	}
	if n := s.count(`SELECT count(*) FROM audit WHERE type = 'user.end_sessions' AND subject = $1`, first.UserID); n != 1 {
		t.Errorf("the repetition was acted on: %d lines in the log", n)
	}
	s.over("the first session", first)
	s.over("the second session", second)
	unseen := s.visit(clerk.Wish{UserID: first.UserID})
	if got := s.bearer(http.MethodGet, "/v1/me", unseen.JWT); got.status != 401 || got.text("code") != "token_revoked" {
		t.Errorf("a session that comes later: %d %s", got.status, got.body)
	}
	s.lives("somebody else", stranger)
}

func TestEventsThatAreNotTaken(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	v := s.visitor(clerk.Wish{})
	for name, test := range map[string]struct {
		change func(*notice)
		status int
		code   string
	}{
		"another secret":    {func(n *notice) { n.secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }, 400, "webhook_signature"},
		"old":               {func(n *notice) { n.at = n.at.Add(-6 * time.Minute) }, 400, "webhook_signature"},
		"of the future":     {func(n *notice) { n.at = n.at.Add(6 * time.Minute) }, 400, "webhook_signature"},
		"malformed":         {func(n *notice) { n.body = n.body[1:] }, 400, "webhook_event"},
		"an id that is one": {func(n *notice) { n.body = strings.Replace(n.body, "sess_", "../sess_", 1) }, 400, "webhook_event"},
		"huge":              {func(n *notice) { n.body += strings.Repeat(" ", 300<<10) }, 413, "body_too_large"},
		"another event":     {func(n *notice) { n.body = strings.Replace(n.body, "session.ended", "session.pending", 1) }, 204, ""},
	} {
		n := s.notice("session.ended", v.SessionID, v.UserID)
		test.change(&n)
		if got := s.deliver(n); got.status != test.status || got.text("code") != test.code {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	s.lives("after events that are not taken", v)
	if n := s.count(`SELECT count(*) FROM clerk_deliveries`) + s.count(`SELECT count(*) FROM audit WHERE type = 'clerk.notice' AND outcome = 'success'`); n != 0 {
		t.Errorf("they left %d rows", n)
	}
	admin := s.administrator()
	for _, reason := range []string{"webhook_signature", "webhook_event"} {
		s.expect(reason, admin, map[string]string{"type": "clerk.notice", "outcome": "failure", "reason": reason, "actor": "", "address": "127.0.0.1"})
	}
}

func TestWithoutASecretThereIsNoWebhook(t *testing.T) {
	t.Parallel()
	stack := devstack.T(t, devstack.Options{Database: true, Redis: true, NATS: true})
	migrate(t, stack)
	set := environment(t, stack)
	delete(set, "CLERK_WEBHOOK_SECRET")
	s := run(t, stack, set)
	s.awaitReady()
	got, err := s.operator.Do(s.request(http.MethodPost, webhook, "{}", nil)) // the document knows the path
	if err != nil {
		t.Fatal(err)
	}
	if _ = got.Body.Close(); got.StatusCode != http.StatusNotFound {
		t.Error(got.Status)
	}
}

// An event overtakes the question to Clerk whether the session is active.
func TestAnEventDuringAFirstSight(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	for name, event := range map[string]string{"its end": "session.ended", "its user's": "user.deleted"} {
		v := s.visit(clerk.Wish{})
		warm := s.visitor(clerk.Wish{}) // so that the keys are there
		asked := s.stack.Clerk.Calls("GET /v1/sessions/{id}")
		s.stack.Clerk.Break(clerk.Hang())
		answers := make(chan reply, 2)
		go func() { answers <- s.bearer(http.MethodGet, "/v1/me", v.JWT) }()
		go func() { answers <- s.exchange(v.JWT) }()
		s.await("nobody asks", func() bool { return s.stack.Clerk.Calls("GET /v1/sessions/{id}") > asked })
		if got := s.deliver(s.notice(event, v.SessionID, v.UserID)); got.status != 200 || got.body != `{"revoked":0}` {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		s.stack.Clerk.Mend()
		for range 2 {
			if got := <-answers; got.status == 200 {
				t.Errorf("%s: let in after it was acknowledged: %s", name, got.body)
			}
		}
		if n := s.count(`SELECT count(*) FROM sessions WHERE origin = $1`, v.SessionID); n != 0 {
			t.Errorf("%s: an exchange left a session", name)
		}
		s.lives("somebody else", warm)
	}
}

// The stand-in sends events as Clerk does, repeats them while auth cannot take
// them, and they take effect.
func TestTheStandInsEventsTakeEffect(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true, OwnRedis: true})
	hook := clerk.Webhook{URL: s.url + webhook, Secret: s.env["CLERK_WEBHOOK_SECRET"], CAFile: s.stack.CAFile}
	if err := s.stack.Clerk.Notify(hook); err != nil {
		t.Fatal(err)
	}
	ended, deleted := s.visitor(clerk.Wish{}), s.visitor(clerk.Wish{})
	if err := s.stack.Pause("redis"); err != nil {
		t.Fatal(err)
	}
	s.stack.Clerk.EndSession(ended.SessionID)
	s.stack.Clerk.DeleteUser(deleted.UserID)
	s.await("no repetition", func() bool { return s.stack.Clerk.Calls("webhook") > 3 })
	if err := s.stack.Resume("redis"); err != nil {
		t.Fatal(err)
	}
	s.awaitReady()
	for _, v := range []visitor{ended, deleted} {
		s.await("the event has no effect", func() bool {
			return s.bearer(http.MethodGet, "/v1/me", v.JWT).status == 401 && s.bearer(http.MethodGet, "/v1/me", v.access).status == 401
		})
	}
}

// A Redis that has lost everything has the markers again before anybody is let
// in, while Clerk still calls the sessions active.
func TestAnEventOutlivesRedis(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true, OwnRedis: true})
	ended, deleted, alive := s.visitor(clerk.Wish{}), s.visitor(clerk.Wish{}), s.visitor(clerk.Wish{})
	for _, n := range []notice{s.notice("session.revoked", ended.SessionID, ended.UserID), s.notice("user.deleted", "", deleted.UserID)} {
		if got := s.deliver(n); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if err := s.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	if got := s.deliver(s.notice("session.ended", alive.SessionID, alive.UserID)); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("without Redis: %d %s", got.status, got.body)
	}
	if err := s.stack.Start(t.Context(), "redis"); err != nil {
		t.Fatal(err)
	}
	s.awaitEpoch(2)
	s.over("ended", ended)
	s.over("deleted", deleted)
	e, err := s.keeper.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{ended.SessionID, deleted.UserID} {
		if e.Redis().Exists(t.Context(), bearer.ClerkRevokedKey(id)).Val() != 1 || e.Redis().Exists(t.Context(), bearer.ClerkKey(id)).Val() != 0 {
			t.Errorf("%s is not marked in the new Redis", id)
		}
	}
}

func TestEventsWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true, OwnDatabase: true})
	v := s.visitor(clerk.Wish{})
	n := s.notice("session.ended", v.SessionID, v.UserID)
	if err := s.stack.Kill(s.stack.Database()); err != nil {
		t.Fatal(err)
	}
	if got := s.deliver(n); got.status != 503 || got.text("code") != "database_unavailable" || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if err := s.stack.Start(t.Context(), s.stack.Database()); err != nil {
		t.Fatal(err)
	}
	s.awaitReady()
	if got := s.deliver(n); got.status != 200 || got.body != `{"revoked":1}` {
		t.Errorf("repeated: %d %s", got.status, got.body)
	}
	s.over("repeated", v)
}
