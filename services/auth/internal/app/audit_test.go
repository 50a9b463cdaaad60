package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"tandem.example/pkg/devstack"
	"tandem.example/services/auth/internal/audit"
)

// administrator is a token with the scope admin.
func (s *service) administrator() string {
	s.t.Helper()
	got := s.post("/token", s.env["DEMO_ADMIN_CLIENT_ID"], s.env["DEMO_ADMIN_CLIENT_SECRET"], "grant_type", "client_credentials")
	if got.status != http.StatusOK {
		s.t.Fatalf("administrator: %d %s", got.status, got.body)
	}
	return got.text("access_token")
}

// events reads one page of the log.
func (s *service) events(token string, pairs ...string) (items []map[string]any, next string) {
	s.t.Helper()
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	got := s.bearer(http.MethodGet, "/v1/audit?"+q.Encode(), token)
	if got.status != http.StatusOK {
		s.t.Fatalf("audit?%s: %d %s", q.Encode(), got.status, got.body)
	}
	list, _ := got.json()["items"].([]any)
	for _, item := range list {
		event, _ := item.(map[string]any)
		items = append(items, event)
	}
	next, _ = got.json()["next_cursor"].(string)
	return items, next
}

func (s *service) record(events ...audit.Event) {
	s.t.Helper()
	if err := audit.NewLog(s.db, quiet{}).Store(s.t.Context(), events); err != nil {
		s.t.Fatal(err)
	}
}

type quiet struct{}

func (quiet) Nudge(...uuid.UUID) {}

func TestTheLogIsReadInPages(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	admin := s.administrator()
	begun := time.Now()
	var made []audit.Event
	for range 5 {
		made = append(made, audit.New(t.Context(), audit.Event{
			Type: audit.UserUpdate, Reason: "user_not_found", Actor: "boss", Subject: "worker", ClientID: "console",
		}))
	}
	s.record(made...)
	filters := []string{
		"type", "user.update", "outcome", "failure", "actor", "boss", "subject", "worker", "client_id", "console", "limit", "3",
		"since", begun.UTC().Add(-time.Second).Format(time.RFC3339Nano), "until", begun.Add(time.Hour).Format(time.RFC3339),
	}
	first, next := s.events(admin, filters...)
	if len(first) != 3 || next == "" {
		t.Fatalf("%d events, next %q", len(first), next)
	}
	second, end := s.events(admin, append(filters, "cursor", next)...)
	if len(second) != 2 || end != "" {
		t.Fatalf("%d events, next %q", len(second), end)
	}
	for i, e := range append(first, second...) {
		if want := made[len(made)-1-i].ID.String(); e["id"] != want {
			t.Errorf("event %d is %v, want %s", i, e["id"], want)
		}
	}
	// Reading is in the log, with whose events were looked at.
	reads, _ := s.events(admin, "type", "audit.read", "subject", "worker")
	if len(reads) != 2 || reads[0]["actor"] != s.env["DEMO_ADMIN_CLIENT_ID"] || reads[0]["request_id"] == "" || reads[0]["address"] != "127.0.0.1" {
		t.Errorf("reads: %v", reads)
	}
	if none, end := s.events(admin, "subject", "nobody"); len(none) != 0 || end != "" {
		t.Errorf("events of nobody: %v", none)
	}
}

func TestTheLogIsForAdministrators(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	access, _ := s.login()
	got := s.bearer(http.MethodGet, "/v1/audit", access)
	if got.status != 403 || got.text("code") != "insufficient_scope" || !strings.Contains(got.header.Get("WWW-Authenticate"), `scope="admin"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestQueriesOfTheLogAreStrict(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	admin := s.administrator()
	s.events(admin)
	_, next := s.events(admin, "limit", "1")
	for query, code := range map[string]string{
		"x=1":                               "invalid_parameter",
		"type=token.steal":                  "invalid_parameter",
		"type=":                             "invalid_parameter",
		"outcome=maybe":                     "invalid_parameter",
		"subject=a&subject=b":               "invalid_parameter",
		"subject=a%20b":                     "invalid_parameter",
		"subject=":                          "invalid_parameter",
		"actor=" + strings.Repeat("x", 200): "invalid_parameter",
		"client_id=a%00":                    "invalid_parameter",
		"since=yesterday":                   "invalid_parameter",
		"since=1969-12-31T00:00:00Z":        "invalid_parameter",
		"until=2026-11-20":                  "invalid_parameter",
		"limit=0":                           "invalid_parameter",
		"limit=201":                         "invalid_parameter",
		"limit=ten":                         "invalid_parameter",
		"cursor=x":                          "invalid_cursor",
		"cursor=":                           "invalid_cursor",
		"type=token.issue&cursor=" + next:   "invalid_cursor",
	} {
		if got := s.bearer(http.MethodGet, "/v1/audit?"+query, admin); got.status != 400 || got.text("code") != code {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
}
