package app_test

import (
	"os"
	"testing"

	"github.com/valyala/fasthttp"

	"tandem.example/pkg/devstack"
)

// BenchmarkCachedRead is the authorised cached read over one connection, plain
// HTTP as behind a gateway. The client is one that does not allocate, so the
// allocations are those of the service and of its Redis client.
func BenchmarkCachedRead(b *testing.B) {
	discardLogs(b)
	w := newWorld(b, devstack.Options{})
	i := w.start(b, "TLS_CERT_FILE", "", "TLS_KEY_FILE", "", "TRUSTED_PROXIES", "127.0.0.1/32", "LOG_LEVEL", "info")
	by := w.caller(b)
	const proto, https = "X-Forwarded-Proto", "https"
	made := i.call(b, by, "POST", "/v1/resources", `{"type":"invoice","name":"n","attributes":{"amount":1}}`, proto, https)
	path := made.header.Get("Location")
	i.call(b, by, "GET", path, "", proto, https) // fills the cell

	client := &fasthttp.Client{}
	defer client.CloseIdleConnections()
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(i.url + path)
	request.Header.Set("Authorization", "Bearer "+by.token)
	request.Header.Set(proto, https)
	b.ReportAllocs()
	for b.Loop() {
		if err := client.Do(request, response); err != nil {
			b.Fatal(err)
		}
		if string(response.Header.Peek("Cache-Status")) != "tandem; hit" {
			b.Fatalf("%d %s", response.StatusCode(), response.Header.Peek("Cache-Status"))
		}
	}
}

// discardLogs lets a service write its log, which is part of the price, where
// nobody has to read it.
func discardLogs(b *testing.B) {
	b.Helper()
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	stderr := os.Stderr
	os.Stderr = nowhere
	b.Cleanup(func() {
		os.Stderr = stderr
		if err := nowhere.Close(); err != nil {
			b.Error(err)
		}
	})
}
