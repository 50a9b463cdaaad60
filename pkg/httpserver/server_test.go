package httpserver_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"tandem.example/pkg/devstack/leak"
	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/telemetry"
)

//go:generate go test . -update
var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) {
	leak.Main(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),    // once a process, for ever
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2")) // sleeps 10 s before it sees the end
}

// lines is where a server under test logs to.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// requests gives the access log lines so far.
func (l *lines) requests(t *testing.T) []map[string]any {
	t.Helper()
	var list []map[string]any
	for line := range strings.Lines(l.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("not a JSON line: %s", line)
		}
		if fields["msg"] == "request" {
			list = append(list, fields)
		}
	}
	return list
}

type running struct {
	*httpserver.Server

	URL string
	Log *lines
	Reg *prometheus.Registry
}

func defaults() httpserver.Config {
	return httpserver.Config{
		Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", RequestTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second,
		WriteTimeout: 5 * time.Second, IdleTimeout: 5 * time.Second, BodyLimit: 4096, MaxConnections: 1024,
	}
}

// options are enough for a server that nobody starts.
func options(t *testing.T) httpserver.Options {
	t.Helper()
	reg := prometheus.NewRegistry()
	return httpserver.Options{Config: defaults(), Metrics: reg, Gatherer: reg, Log: zap.NewNop()}
}

// start runs a server for one test. It speaks plain HTTP unless change says
// otherwise.
func start(t *testing.T, change func(*httpserver.Options)) running {
	t.Helper()
	r := running{Log: &lines{}, Reg: prometheus.NewRegistry()}
	o := httpserver.Options{
		Config: defaults(), Metrics: r.Reg, Gatherer: r.Reg,
		Log:    telemetry.NewLogger(telemetry.Config{}, telemetry.Service{Name: "test"}, r.Log),
		Failed: func(err error) { t.Errorf("a listener died: %v", err) },
	}
	if change != nil {
		change(&o)
	}
	var err error
	if r.Server, err = httpserver.New(o); err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(t.Context()); err != nil && !strings.Contains(err.Error(), "context canceled") {
			t.Error(err)
		}
	})
	r.URL = "http://" + r.Addr()
	return r
}

// handle makes one route of one handler.
func handle(method, path string, h fiber.Handler) httpserver.Route {
	return httpserver.Route{Method: method, Path: path, Handlers: []fiber.Handler{h}}
}

func ok(c *fiber.Ctx) error { return c.SendString("ok") }

type answer struct {
	*http.Response

	Body string
}

// call sends one request on a connection of its own.
func call(t *testing.T, method, url, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, resp)
}

func read(t *testing.T, resp *http.Response) answer {
	t.Helper()
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, string(text)}
}

// dial opens a bare connection, for what no HTTP client would send.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

var idPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// golden compares an answer with a file: status, the header fields that say
// something, body.
func golden(t *testing.T, name string, got answer) {
	t.Helper()
	var text strings.Builder
	text.WriteString(got.Status + "\n")
	for _, field := range []string{
		"Allow", "Cache-Control", "Content-Type", "Retry-After", "Www-Authenticate", "Etag", "Location",
		"Content-Security-Policy", "Referrer-Policy", "Strict-Transport-Security", "X-Content-Type-Options", "X-Request-Id", "Server",
	} {
		for _, value := range got.Header.Values(field) {
			text.WriteString(field + ": " + value + "\n")
		}
	}
	body := got.Body
	var indented bytes.Buffer
	if json.Indent(&indented, []byte(body), "", "  ") == nil {
		body = indented.String()
	}
	text.WriteString("\n" + body + "\n")
	compare(t, name, idPattern.ReplaceAllString(text.String(), "<id>"))
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s\nwant:\n%s", path, got, want)
	}
}
