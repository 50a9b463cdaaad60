package app_test

import (
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"tandem.example/pkg/bearer"
	"tandem.example/services/auth/internal/clients"
	"tandem.example/services/auth/internal/sessions"
)

// The clients of the crowd; the second one's sessions end all at once.
const (
	demoClient = "demo-client"
	lostClient = "lost-client"
	lostSecret = "lost"
)

// bystanders are so many of each kind of sessions that nobody ends.
const bystanders = 20

// holder is who has the tokens of a session.
type holder struct {
	sessions.Issued

	access string
}

// order is one revocation.
type order struct {
	kind string
	// ask may be repeated, and tells whether what ends has ended.
	ask  func() bool
	ends []holder
	// tokenOnly: the access tokens end, their sessions live on.
	tokenOnly bool
}

// crowd is what is to be revoked.
type crowd struct {
	orders []*order

	mu           sync.Mutex // guards acknowledged
	acknowledged []*order
}

func (c *crowd) done(o *order) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acknowledged = append(c.acknowledged, o)
}

func (c *crowd) over() []*order {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acknowledged
}

// gather begins the sessions, and says how each will end.
func (s *service) gather() *crowd {
	s.t.Helper()
	err := s.clients.Put(s.t.Context(), clients.Record{
		Client: clients.Client{ID: lostClient, Grants: []string{"refresh_token"}, Scopes: "resources:read"}, Digest: clients.Digest(lostSecret),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	c := new(crowd)
	add := func(kind string, ask func() bool, ends ...holder) *order {
		o := &order{kind: kind, ask: ask, ends: ends}
		c.orders = append(c.orders, o)
		return o
	}
	early := s.enterMany(60, demoClient)
	before := `{"before":"` + s.databaseTime().Format(time.RFC3339Nano) + `"}`
	for _, h := range s.enterMany(350, demoClient) {
		add("token", func() bool { return s.as(h.ClientID, "/revoke", "token", h.access).status == 200 }, h).tokenOnly = true
	}
	for _, h := range s.enterMany(150, demoClient) {
		add("refresh token", func() bool { return s.as(h.ClientID, "/revoke", "token", h.Refresh).status == 200 }, h)
	}
	for _, h := range s.enterMany(150, demoClient) {
		add("logout", func() bool { return overBy(s.bearer(http.MethodPost, "/logout", h.access)) }, h)
	}
	for _, h := range s.enterMany(150, demoClient) {
		add("session", func() bool { return overBy(s.bearer(http.MethodDelete, "/v1/sessions/"+h.SessionID, h.access)) }, h)
	}
	for _, h := range s.enterMany(50, demoClient) {
		add("reuse", func() bool { return s.reuse(h) }, h)
	}
	pairs := s.enterMany(150, demoClient)
	seconds := make([]holder, len(pairs))
	each(len(pairs), func(i int) { seconds[i] = s.enter(pairs[i].Subject, demoClient) })
	for i, h := range pairs {
		add("user", func() bool { return s.command("/v1/users/"+h.Subject+"/revoke", "") }, h, seconds[i])
	}
	add("client", func() bool { return s.command("/v1/clients/"+lostClient+"/revoke", "") }, s.enterMany(60, lostClient)...)
	add("cut-off", func() bool { return s.command("/v1/revoke-all", before) }, early...)
	return c
}

// enter begins a session as a login would, without the cost of a password.
func (s *service) enter(subject, client string) holder {
	ctx := s.t.Context()
	begun, err := s.store.Begin(ctx, client)
	g := sessions.Grant{
		Subject: subject, ClientID: client, Tenant: subject, Audience: audience, Scopes: "resources:read", Refreshable: true, Via: "password",
	}
	if err == nil {
		g.Generation, err = s.store.Generation(ctx, subject)
	}
	var h holder
	if err == nil {
		h.Issued, err = s.store.Create(ctx, begun, g)
	}
	if err == nil {
		h.access, err = s.keys.Sign(bearer.Claims{
			Issuer: s.verifier.Issuer, Audience: bearer.Audience{audience}, Subject: subject, ClientID: client, ID: h.TokenID,
			SessionID: h.SessionID, Tenant: subject, Scopes: g.Scopes, IssuedAt: h.IssuedAt.Unix(), Expires: h.Expires.Unix(),
		})
	}
	if err != nil {
		s.t.Errorf("enter: %v", err)
	}
	return h
}

// enterMany begins sessions of as many subjects.
func (s *service) enterMany(n int, client string) []holder {
	s.t.Helper()
	all := make([]holder, n)
	each(n, func(i int) { all[i] = s.enter(uuid.NewString(), client) })
	if s.t.Failed() {
		s.t.FailNow()
	}
	return all
}

// as posts as one of the clients of the crowd.
func (s *service) as(client, path string, pairs ...string) reply {
	if client == lostClient {
		return s.post(path, lostClient, lostSecret, pairs...)
	}
	return s.demo(path, pairs...)
}

// command is an administrator's. Each has a token of its own: the one before may
// have been lost, or revoked.
func (s *service) command(path, body string) bool {
	got := s.post("/token", s.env["DEMO_ADMIN_CLIENT_ID"], s.env["DEMO_ADMIN_CLIENT_SECRET"], "grant_type", "client_credentials")
	if got.status != 200 {
		return false
	}
	return s.open(door{method: http.MethodPost, path: path, body: body}, got.text("access_token")).status == 200
}

// reuse uses a refresh token, its successor, and the first one again: that ends
// the session, if it has not ended before.
func (s *service) reuse(h holder) bool {
	next := s.refresh(h.Refresh)
	if next.status == 200 {
		if next = s.refresh(next.text("refresh_token")); next.status == 200 {
			next = s.refresh(h.Refresh)
		}
	}
	return next.status == 400
}

// overBy tells whether the bearer's session has ended, by this call or before.
func overBy(got reply) bool {
	return got.status == 200 || got.status == 401 && got.text("code") == "token_revoked"
}

// letsIn gives the doors that accept the tokens.
func (s *service) letsIn(h holder, accessOnly bool) (doors []string) {
	ask := func(name string, status int, request func() *http.Request) {
		got := s.told(func() reply { return s.send(request()) })
		switch {
		case got.status == 200 && got.body != `{"active":false}`:
			doors = append(doors, name)
		case got.status != status:
			s.t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	form := func(path string, pairs ...string) func() *http.Request {
		secret := lostSecret
		if h.ClientID == demoClient {
			secret = s.env["DEMO_CLIENT_SECRET"]
		}
		return func() *http.Request { return s.form(path, h.ClientID, secret, pairs...) }
	}
	get := func(path string) func() *http.Request {
		return func() *http.Request {
			return s.request(http.MethodGet, path, "", map[string]string{"Authorization": "Bearer " + h.access})
		}
	}
	ask("introspect", 200, form("/introspect", "token", h.access))
	ask("verify", 401, get("/verify"))
	if len(doors) == 0 { // for others the answer depends on whether there is such a user
		ask("me", 401, get("/v1/me"))
	}
	if !accessOnly {
		ask("refresh", 400, form("/token", "grant_type", "refresh_token", "refresh_token", h.Refresh))
	}
	return doors
}

// databaseTime is later than the beginning of every session there is.
func (s *service) databaseTime() (at time.Time) {
	s.t.Helper()
	if err := s.db.Pool().QueryRow(s.t.Context(), `SELECT now()`).Scan(&at); err != nil {
		s.t.Fatal(err)
	}
	return at
}
