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
)

// raw sends bytes as they are and holds the answer to the document.
func (i *instance) raw(t *testing.T, w world, method, path, text string) reply {
	t.Helper()
	at, err := url.Parse(i.url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&tls.Dialer{Config: w.trust}).DialContext(t.Context(), "tcp", at.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	req := &http.Request{Method: method, URL: &url.URL{Path: path}}
	res, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	var body bytes.Buffer
	if _, err := body.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	if err := document.Check(req, nil, res, body.Bytes()); err != nil {
		t.Errorf("contract: %v", err)
	}
	return reply{res.StatusCode, res.Header, body.String()}
}

// everyOperation is the calls of the document, the one for itself too.
func everyOperation() []operation {
	return append(operations("/v1/resources/00000000-0000-0000-0000-000000000000"), operation{"GET", "/openapi.json", "", ""})
}

func TestWhatIsNotProperHTTPIsRefusedAsAProblem(t *testing.T) {
	t.Parallel()
	w, _, _ := serving(t)
	i := w.start(t, "HTTP_READ_TIMEOUT", "5s") // a busy machine is slow to send what it has to
	var all sync.WaitGroup
	for _, op := range everyOperation() {
		head := op.method + " " + op.path + " HTTP/1.1\r\nHost: x\r\n"
		all.Go(func() {
			i.raw(t, w, op.method, op.path, head+"X: "+strings.Repeat("x", 20<<10)+"\r\n\r\n").is(t, 431, "headers_too_large")
		})
		all.Go(func() {
			i.raw(t, w, op.method, op.path, head+"Content-Length: x\r\n\r\n").is(t, 400, "malformed_request")
		})
		if op.body != "" {
			all.Go(func() {
				i.raw(t, w, op.method, op.path, head+"Content-Length: 100\r\n\r\n{").is(t, 408, "request_timeout")
			})
		}
	}
	all.Wait()
}

func TestPlainHTTPIsForTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	w, _, _ := serving(t)
	by := w.caller(t)
	strict := w.start(t, "TLS_CERT_FILE", "", "TLS_KEY_FILE", "", "TRUSTED_PROXIES", "10.0.0.0/8")
	behind := w.start(t, "TLS_CERT_FILE", "", "TLS_KEY_FILE", "", "TRUSTED_PROXIES", "127.0.0.1")
	for _, op := range everyOperation() {
		strict.call(t, by, op.method, op.path, op.body, "X-Forwarded-Proto", "https").is(t, 403, "https_required")
		behind.call(t, by, op.method, op.path, op.body).is(t, 403, "https_required")
		behind.call(t, by, op.method, op.path, op.body, "X-Forwarded-Proto", "http").is(t, 403, "https_required")
	}
	if got := behind.call(t, by, "GET", "/v1/resources", "", "X-Forwarded-Proto", "https"); got.status != 200 {
		t.Errorf("through the proxy: %d %s", got.status, got.body)
	}
}

func TestTheDocumentIsServed(t *testing.T) {
	t.Parallel()
	_, i, _ := serving(t)
	got := i.call(t, caller{}, "GET", "/openapi.json", "")
	if got.status != 200 || !strings.HasPrefix(got.body, `{`) {
		t.Fatalf("%d %.80s", got.status, got.body)
	}
	tag := got.header.Get("ETag")
	if got := i.call(t, caller{}, "GET", "/openapi.json", "", "If-None-Match", tag); got.status != 304 || got.header.Get("ETag") != tag {
		t.Errorf("%d %v", got.status, got.header)
	}
}
