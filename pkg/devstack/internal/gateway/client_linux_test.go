package gateway_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"tandem.example/pkg/devstack/internal/pair"
)

// client asks one server.
type client struct {
	url string
	own *http.Client
	tls *tls.Config
	ip  net.IP
}

// newClient asks from an address of its own; from any if there is none.
func newClient(t *testing.T, caFile, url, from string) client {
	t.Helper()
	pem, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	trust := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	trust.RootCAs.AppendCertsFromPEM(pem)
	c := client{url: url, tls: trust, ip: net.ParseIP(from)}
	transport := &http.Transport{TLSClientConfig: trust, DisableCompression: true}
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return c.dialer().DialContext(ctx, network, addr)
	}
	t.Cleanup(transport.CloseIdleConnections)
	c.own = &http.Client{Transport: transport, Timeout: patience * 2}
	return c
}

func (c client) dialer() *net.Dialer {
	d := &net.Dialer{}
	if c.ip != nil {
		d.LocalAddr = &net.TCPAddr{IP: c.ip}
	}
	return d
}

// direct is a client of an instance itself.
func (g gateway) direct(t *testing.T, variable, from string) client {
	t.Helper()
	return newClient(t, g.pair.Stack().CAFile, g.pair.Variable(variable), from)
}

type reply struct {
	status int
	header http.Header
	body   string
}

// text is a member of a JSON answer.
func (r reply) text(member string) string {
	var members map[string]any
	_ = json.Unmarshal([]byte(r.body), &members) // then there is none
	text, _ := members[member].(string)
	return text
}

// failure is what names a failure: code in problems, error in answers of OAuth.
func (r reply) failure() string { return r.text("code") + r.text("error") }

// try asks; the header is names and values.
func (c client) try(t *testing.T, method, path, body string, header ...string) (reply, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/json")
	}
	for pair := range slices.Chunk(header, 2) {
		r.Header.Add(pair[0], pair[1])
	}
	got, err := c.own.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = got.Body.Close() }()
	all, err := io.ReadAll(got.Body)
	return reply{got.StatusCode, got.Header, string(all)}, err
}

func (c client) ask(t *testing.T, method, path, body string, header ...string) reply {
	t.Helper()
	got, err := c.try(t, method, path, body, header...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

const urlencoded = "application/x-www-form-urlencoded"

// form is a body for the endpoints of OAuth, as the demo client's.
func form(held *pair.Held, pairs ...string) string {
	values := url.Values{"client_id": {held.Variable("DEMO_CLIENT_ID")}, "client_secret": {held.Variable("DEMO_CLIENT_SECRET")}}
	for pair := range slices.Chunk(pairs, 2) {
		values.Set(pair[0], pair[1])
	}
	return values.Encode()
}

// login gives the demo user's access token, as a value of Authorization.
func (g gateway) login(t *testing.T, pairs ...string) string {
	t.Helper()
	got := g.ask(t, http.MethodPost, "/token", form(g.pair, append([]string{
		"grant_type", "password", "username", g.pair.Variable("DEMO_USER"), "password", g.pair.Variable("DEMO_PASSWORD"),
	}, pairs...)...), "Content-Type", urlencoded)
	if got.status != http.StatusOK {
		t.Fatalf("no token: %d %s", got.status, got.failure())
	}
	return "Bearer " + got.text("access_token")
}
