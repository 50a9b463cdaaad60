package app_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"tandem.example/pkg/devstack"
)

// raw sends bytes as they are and holds the answer to the document.
func (s *service) raw(method, path, text string) reply {
	s.t.Helper()
	at, err := url.Parse(s.url)
	if err != nil {
		s.t.Error(err)
		return reply{}
	}
	conn, err := (&tls.Dialer{Config: s.trust}).DialContext(s.t.Context(), "tcp", at.Host)
	if err != nil {
		s.t.Error(err)
		return reply{}
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, text); err != nil {
		s.t.Error(err)
	}
	r := &http.Request{Method: method, URL: &url.URL{Path: path}}
	got, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		s.t.Errorf("%s %s: %v", method, path, err)
		return reply{}
	}
	defer func() { _ = got.Body.Close() }()
	var body bytes.Buffer
	if _, err := body.ReadFrom(got.Body); err != nil {
		s.t.Error(err)
	}
	if err := document.Check(r, nil, got, body.Bytes()); err != nil {
		s.t.Errorf("contract: %v", err)
	}
	return reply{got.StatusCode, got.Header, body.String()}
}

func TestWhatIsNotProperHTTPIsRefusedAsAProblem(t *testing.T) {
	t.Parallel()
	stack := devstack.T(t, devstack.Options{Database: true, Redis: true, NATS: true})
	migrate(t, stack)
	set := environment(t, stack)
	set["HTTP_READ_TIMEOUT"] = "3s"
	s := run(t, stack, set)
	var all sync.WaitGroup
	for _, r := range s.routes {
		head := r.Method + " " + r.Path + " HTTP/1.1\r\nHost: x\r\n"
		refused := func(rest string, status int, code string) {
			all.Go(func() {
				if r.Errors != nil && status == 413 {
					code = "invalid_request" // RFC 6749 §5.2
				}
				if got := s.raw(r.Method, r.Path, head+rest); got.status != status || got.text("code")+got.text("error") != code {
					t.Errorf("%s %s: %d %s, want %s", r.Method, r.Path, got.status, got.body, code)
				}
			})
		}
		refused("X: "+strings.Repeat("x", 20<<10)+"\r\n\r\n", 431, "headers_too_large")
		refused("Content-Length: x\r\n\r\n", 400, "malformed_request")
		if r.Method != http.MethodGet {
			refused("Content-Type: "+formType+"\r\nContent-Length: 100\r\n\r\nx", 408, "request_timeout")
			refused("Content-Length: 1000000\r\n\r\n", 413, "body_too_large")
		}
	}
	all.Wait()
}

func TestPlainHTTPIsForTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	stack := devstack.T(t, devstack.Options{Database: true, Redis: true, NATS: true})
	migrate(t, stack)
	set := environment(t, stack)
	set["TLS_CERT_FILE"], set["TLS_KEY_FILE"], set["TRUSTED_PROXIES"] = "", "", "127.0.0.1"
	s := run(t, stack, set)
	s.awaitReady()
	for _, r := range s.routes {
		for _, header := range []map[string]string{nil, {"X-Forwarded-Proto": "http"}} {
			got := s.send(s.request(r.Method, r.Path, "", header))
			if code := got.text("error") + got.text("code"); got.status != 403 || code != "https_required" && code != "invalid_request" {
				t.Errorf("%s %s: %d %s", r.Method, r.Path, got.status, got.body)
			}
		}
	}
	if got := s.send(s.request(http.MethodGet, "/openapi.json", "", map[string]string{"X-Forwarded-Proto": "https"})); got.status != 200 {
		t.Errorf("through the proxy: %d %s", got.status, got.body)
	}
}
