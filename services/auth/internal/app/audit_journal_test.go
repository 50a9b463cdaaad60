package app_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/clerk"
)

// expect waits for an event that has these members; a name with a dot is one of
// detail.
func (s *service) expect(what, token string, want map[string]string, query ...string) map[string]any {
	s.t.Helper()
	var last []map[string]any
	var found map[string]any
	defer func() {
		if found == nil {
			s.t.Logf("want %v, there are %v", want, last)
		}
	}()
	s.await(what, func() bool {
		last, _ = s.events(token, append(query, "type", want["type"], "limit", "200")...)
		for _, e := range last {
			if matches(e, want) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

func matches(e map[string]any, want map[string]string) bool {
	for name, value := range want {
		in := e
		if key, ok := strings.CutPrefix(name, "detail."); ok {
			in, _ = e["detail"].(map[string]any)
			name = key
		}
		if in[name] != value {
			return false
		}
	}
	return true
}

// Who, what, when, from where and how it ended: of every grant, of every way to
// fail, and of every end.
func TestASVS_16_3_1_16_2_1_EveryAttemptIsInTheLog(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true})
	admin := s.administrator()
	demo, user, password := s.env["DEMO_CLIENT_ID"], s.env["DEMO_USER"], s.env["DEMO_PASSWORD"]
	access, refresh := s.login()
	claims, err := s.verifier.Verify(t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}
	visit := s.visit(clerk.Wish{})
	if got := s.exchange(visit.JWT); got.status != 200 {
		t.Fatal(got.body)
	}
	login := func(name, word string, pairs ...string) func() reply {
		return func() reply {
			return s.demo("/token", append([]string{"grant_type", "password", "username", name, "password", word}, pairs...)...)
		}
	}
	as := func(client, secret, path string) func() reply {
		return func() reply { return s.post(path, client, secret, "grant_type", "client_credentials", "token", "x") }
	}
	none := func() reply { return reply{status: 200} }
	for name, try := range map[string]struct {
		do     func() reply
		status int
		want   map[string]string
	}{
		"login": {none, 200, map[string]string{
			"type": "token.issue", "outcome": "success", "subject": claims.Subject, "actor": claims.Subject, "client_id": demo,
			"session_id": claims.SessionID, "tenant": claims.Tenant, "detail.grant": "password",
		}},
		"client credentials": {none, 200, map[string]string{
			"type": "token.issue", "outcome": "success", "subject": s.env["DEMO_ADMIN_CLIENT_ID"], "detail.grant": "client_credentials",
		}},
		"exchange": {none, 200, map[string]string{
			"type": "token.issue", "outcome": "success", "subject": visit.UserID, "detail.grant": grantExchange,
		}},
		"refresh": {func() reply { return s.refresh(refresh) }, 200, map[string]string{
			"type": "token.refresh", "outcome": "success", "subject": claims.Subject, "actor": claims.Subject, "client_id": demo,
			"session_id": claims.SessionID, "detail.grant": "refresh_token",
		}},
		"unknown user": {login("nobody-at-all", "x"), 400, map[string]string{
			"type": "token.issue", "outcome": "failure", "reason": "invalid_credentials", "client_id": demo, "actor": demo, "subject": "",
		}},
		"wrong password": {login(user, "not-the-password"), 400, map[string]string{
			"type": "token.issue", "outcome": "failure", "reason": "invalid_credentials", "client_id": demo, "subject": claims.Subject,
		}},
		"wide scope": {login(user, password, "scope", "admin"), 400, map[string]string{
			"type": "token.issue", "outcome": "failure", "reason": "invalid_scope", "subject": claims.Subject,
		}},
		"bad exchange": {func() reply { return s.exchange("x") }, 400, map[string]string{
			"type": "token.issue", "outcome": "failure", "detail.grant": grantExchange, "client_id": demo,
		}},
		"wrong secret": {as(demo, "wrong", "/token"), 401, map[string]string{
			"type": "client.refused", "outcome": "failure", "reason": "client_secret", "client_id": demo, "actor": "", "detail.grant": "client_credentials",
		}},
		"unknown client": {as("nobody", "wrong", "/revoke"), 401, map[string]string{
			"type": "client.refused", "outcome": "failure", "reason": "invalid_client", "client_id": "",
		}},
		"introspection by a stranger": {as(demo, "", "/introspect"), 401, map[string]string{
			"type": "client.refused", "outcome": "failure", "reason": "client_secret", "client_id": demo,
		}},
		"unknown grant": {func() reply { return s.demo("/token", "grant_type", "magic") }, 400, map[string]string{
			"type": "token.issue", "outcome": "failure", "reason": "unsupported_grant_type", "detail.grant": "other", "client_id": demo,
		}},
		"malformed": {func() reply {
			return s.send(s.request(http.MethodPost, "/token", "a=1&a=2", map[string]string{"Content-Type": formType}))
		}, 400, map[string]string{"type": "token.issue", "outcome": "failure", "reason": "invalid_request", "client_id": "", "actor": ""}},
		"bad refresh token": {func() reply { return s.refresh("x") }, 400, map[string]string{
			"type": "token.refresh", "outcome": "failure", "reason": "refresh_malformed", "client_id": demo,
		}},
		"a token that is none": {func() reply { return s.demo("/revoke", "token", "x") }, 200, map[string]string{
			"type": "token.revoke", "outcome": "failure", "reason": "nothing_revoked", "actor": demo, "client_id": demo,
		}},
	} {
		if got := try.do(); got.status != try.status {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		e := s.expect(name, admin, try.want)
		if e["request_id"] == "" || e["address"] != "127.0.0.1" || e["at"] == "" || e["id"] == "" {
			t.Errorf("%s: %v", name, e)
		}
	}
	// A stolen refresh token, and the end of its session.
	second := s.refresh(refresh).text("refresh_token")
	s.refresh(second)
	s.refresh(refresh)
	s.expect("reuse", admin, map[string]string{
		"type": "token.refresh", "reason": "refresh_reused", "subject": claims.Subject, "session_id": claims.SessionID,
	})
	s.expect("its end", admin, map[string]string{"type": "session.end", "outcome": "success", "session_id": claims.SessionID, "actor": demo})
	again, _ := s.login()
	s.bearer(http.MethodPost, "/logout", again)
	s.expect("logout", admin, map[string]string{"type": "session.end", "outcome": "success", "actor": claims.Subject, "subject": claims.Subject})
	third, _ := s.login()
	s.demo("/revoke", "token", third)
	s.expect("revocation", admin, map[string]string{"type": "token.revoke", "outcome": "success", "actor": demo, "subject": claims.Subject})
}

// Whoever is known and lacks the scope is in the log.
func TestASVS_16_3_2_RefusedAuthorisationIsInTheLog(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	access, _ := s.login()
	claims, err := s.verifier.Verify(t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.bearer(http.MethodGet, "/v1/audit", access)
	}
	s.expect("the refusal", s.administrator(), map[string]string{
		"type": "access.refused", "outcome": "failure", "reason": "insufficient_scope", "actor": claims.Subject,
		"client_id": s.env["DEMO_CLIENT_ID"], "session_id": claims.SessionID, "detail.route": "GET /v1/audit", "address": "127.0.0.1",
	})
}

// Attempts on one name can be told to belong together, also if nobody has it, and
// the name is not in the log.
func TestASVS_16_2_5_UnknownNamesArePseudonyms(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	admin := s.administrator()
	try := func(name string) {
		s.demo("/token", "grant_type", "password", "username", name, "password", "wrong-password")
	}
	const typo = "hunter2-typed-as-a-name"
	try(typo)
	try("  " + typo)
	try("somebody-else")
	s.post("/token", "hunter2-as-an-id", "x", "grant_type", "client_credentials")
	names := map[any]int{}
	events, _ := s.events(admin, "outcome", "failure")
	for _, e := range events {
		if e["type"] == "token.issue" {
			detail, _ := e["detail"].(map[string]any)
			names[detail["login"]]++
		}
	}
	if len(events) != 4 || len(names) != 2 || names[nil] != 0 {
		t.Errorf("%d events of the names %v", len(events), names)
	}
	if text := fmt.Sprint(events); strings.Contains(text, "hunter2") || strings.Contains(text, "somebody") {
		t.Error(text)
	}
	s.expect("the client's", admin, map[string]string{"type": "client.refused", "client_id": ""})
}

// What cannot be written is not answered: nobody guesses unseen.
func TestASVS_16_5_3_AGuessThatCannotBeRecordedIsNotAnswered(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	if _, err := s.ownerExec(`REVOKE INSERT ON audit FROM tandem_auth`); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]reply{
		"a wrong password": s.demo("/token", "grant_type", "password", "username", s.env["DEMO_USER"], "password", "wrong-password"),
		"the right one":    s.demo("/token", "grant_type", "password", "username", s.env["DEMO_USER"], "password", s.env["DEMO_PASSWORD"]),
		"a wrong secret":   s.post("/token", s.env["DEMO_CLIENT_ID"], "wrong", "grant_type", "client_credentials"),
	} {
		if got.status != 500 || got.text("error") != "server_error" || got.header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

// Refreshes need no database to be written in: they are, when it is back.
func TestASVS_16_5_2_RefreshesAreWrittenWhenTheyCanBe(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	admin := s.administrator()
	_, refresh := s.login()
	if _, err := s.ownerExec(`REVOKE INSERT ON audit FROM tandem_auth`); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		got := s.refresh(refresh)
		if refresh = got.text("refresh_token"); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if _, err := s.ownerExec(`GRANT INSERT ON audit TO tandem_auth`); err != nil {
		t.Fatal(err)
	}
	s.await("the refreshes are written", func() bool {
		events, _ := s.events(admin, "type", "token.refresh")
		return len(events) == 3
	})
}

// Everything is done that can be, and then nothing that was secret is found where
// others look: in the log of events, on NATS, in the lines of the service's log.
func TestASVS_16_2_5_14_2_1_NoSecretIsFoundAnywhere(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{Clerk: true, OwnNATS: true})
	secrets := map[string]bool{}
	secret := func(text string) string {
		secrets[text] = true
		for part := range strings.SplitSeq(text, ".") {
			secrets[part] = true
		}
		return text
	}
	for _, name := range []string{"DEMO_PASSWORD", "DEMO_CLIENT_SECRET", "DEMO_ADMIN_CLIENT_SECRET", "JWT_SECRET", "CLERK_SECRET_KEY"} {
		secret(s.env[name])
	}
	admin := secret(s.administrator())
	access, refresh := s.login()
	secret(access)
	for range 3 { // the last is taken for stolen
		got := s.refresh(secret(refresh))
		secret(got.text("access_token"))
		secret(got.text("refresh_token"))
	}
	second := s.refresh(refresh).text("refresh_token")
	s.refresh(secret(second))
	s.refresh(refresh)
	visit := s.visit(clerk.Wish{})
	secret(s.exchange(secret(visit.JWT)).text("access_token"))
	other, _ := s.login()
	s.demo("/introspect", "token", secret(other))
	s.demo("/revoke", "token", other)
	s.bearer(http.MethodPost, "/logout", other)
	last, lastRefresh := s.login()
	s.demo("/revoke", "token", secret(lastRefresh))
	s.bearer(http.MethodPost, "/logout", secret(last))
	for _, wrong := range []string{"hunter2wrongPassword", "hunter2.with.dots", "hunter2 with spaces"} {
		s.demo("/token", "grant_type", "password", "username", s.env["DEMO_USER"], "password", secret(wrong))
		s.demo("/token", "grant_type", "password", "username", secret(wrong+"-name"), "password", wrong)
		s.post("/token", s.env["DEMO_CLIENT_ID"], wrong, "grant_type", "client_credentials")
		s.post("/introspect", secret("hunter2client"), wrong, "token", wrong)
		s.demo("/token", "grant_type", wrong, "scope", wrong)
		s.demo("/token", "grant_type", "client_credentials", "scope", wrong, "device", wrong)
		s.demo("/revoke", "token", wrong)
		s.exchange(wrong)
		s.bearer(http.MethodGet, "/v1/me", wrong)
		basic := base64.StdEncoding.EncodeToString([]byte(s.env["DEMO_CLIENT_ID"] + ":" + wrong))
		s.send(s.request(http.MethodPost, "/token", "grant_type=password", map[string]string{"Authorization": "Basic " + secret(basic), "Content-Type": formType}))
	}
	secret("hunter2")
	secret("with.dots")
	s.expect("the last refusal", admin, map[string]string{"type": "token.refresh", "reason": "refresh_reused"})
	delete(secrets, "")
	delete(secrets, strings.SplitN(access, ".", 2)[0]) // a token's header is none of its secrets
	delete(secrets, strings.SplitN(visit.JWT, ".", 2)[0])
	search := func(where, text string) {
		for s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%s has a secret: %s", where, text)
			}
		}
	}
	events := 0
	for cursor := ""; ; {
		pairs := []string{"limit", "200"}
		if cursor != "" {
			pairs = append(pairs, "cursor", cursor)
		}
		items, next := s.events(admin, pairs...)
		for _, e := range items {
			text, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			search("the log of events", string(text))
			events++
		}
		if cursor = next; next == "" {
			break
		}
	}
	s.await("everything is announced", func() bool {
		n, err := s.ownerExec(`SELECT 1 FROM audit WHERE published = false`)
		return err == nil && n == 0
	})
	messages := 0
	for _, stream := range []string{"AUDIT", "REVOCATIONS"} {
		for _, msg := range s.stored(stream) {
			search("NATS", msg.Subject+fmt.Sprint(msg.Header)+string(msg.Data))
			messages++
		}
	}
	for _, line := range s.lines.All() {
		search("the service's log", fmt.Sprint(line.Message, line.ContextMap()))
	}
	if events < 30 || messages < 30 || s.lines.Len() < 30 {
		t.Errorf("only %d events, %d messages, %d lines were looked at", events, messages, s.lines.Len())
	}
}

// stored reads a whole stream.
func (s *service) stored(stream string) (all []*jetstream.RawStreamMsg) {
	s.t.Helper()
	nc, err := nats.Connect(s.stack.NATSURL, nats.RootCAs(s.stack.CAFile))
	if err != nil {
		s.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		s.t.Fatal(err)
	}
	of, err := js.Stream(s.t.Context(), stream)
	if err != nil {
		s.t.Fatal(err)
	}
	state := of.CachedInfo().State
	for seq := max(state.FirstSeq, 1); seq <= state.LastSeq; seq++ {
		msg, err := of.GetMsg(s.t.Context(), seq)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, msg)
	}
	return all
}
