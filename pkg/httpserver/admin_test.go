package httpserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/pkg/fault"
	"tandem.example/pkg/httpserver"
)

type report struct {
	Status string `json:"status"`
	Checks []struct {
		Name   string  `json:"name"`
		OK     bool    `json:"ok"`
		Millis float64 `json:"latency_ms"`
		Code   string  `json:"code"`
		Error  string  `json:"error"`
	} `json:"checks"`
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	var broken atomic.Pointer[error]
	s := start(t, func(o *httpserver.Options) {
		o.Checks = []httpserver.Check{
			{Name: "redis", Probe: func(context.Context) error {
				if err := broken.Load(); err != nil {
					return *err
				}
				return nil
			}},
			{Name: "database", Probe: func(context.Context) error { return nil }},
		}
	})
	ask := func() (int, report) {
		got := call(t, "GET", "http://"+s.AdminAddr()+"/readyz", "")
		var r report
		if err := json.Unmarshal([]byte(got.Body), &r); err != nil {
			t.Fatal(err)
		}
		if len(r.Checks) != 2 || r.Checks[0].Name != "database" || !r.Checks[0].OK || r.Checks[1].Name != "redis" {
			t.Fatalf("got %s", got.Body)
		}
		return got.StatusCode, r
	}
	if status, r := ask(); status != 200 || r.Status != "ready" || !r.Checks[1].OK {
		t.Errorf("all is well: %d %+v", status, r)
	}
	hidden := errors.New("dial redis://:hunter2@10.0.0.7")
	for _, test := range []struct {
		err          error
		code, detail string
	}{
		{fault.New(fault.Unavailable, "redis_unavailable", "Redis does not answer").Because(hidden), "redis_unavailable", "Redis does not answer"},
		{hidden, "unavailable", "the dependency does not answer as it should"},
		{hidden, "unavailable", "the dependency does not answer as it should"},
	} {
		broken.Store(&test.err)
		status, r := ask()
		if got := r.Checks[1]; status != 503 || r.Status != "not_ready" || got.OK || got.Code != test.code || got.Error != test.detail {
			t.Errorf("%v: %d %+v", test.err, status, r)
		}
	}
	broken.Store(nil)
	if status, r := ask(); status != 200 || r.Status != "ready" {
		t.Errorf("well again: %d %+v", status, r)
	}
	text := s.Log.String()
	if strings.Count(text, "dependency not ready") != 2 || strings.Count(text, "dependency ready again") != 1 {
		t.Errorf("each change belongs in the log once:\n%s", text)
	}
}

func TestAHangingDependencyIsNotReady(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *httpserver.Options) {
		o.Checks = []httpserver.Check{{Name: "database", Probe: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}}
	})
	begun := time.Now()
	if got := call(t, "GET", "http://"+s.AdminAddr()+"/readyz", ""); got.StatusCode != 503 {
		t.Errorf("got %s", got.Status)
	}
	if took := time.Since(begun); took > time.Minute { // not for ever
		t.Errorf("took %s", took)
	}
}

func TestOperatorsPaths(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *httpserver.Options) {
		o.Checks = []httpserver.Check{{Name: "database", Probe: func(context.Context) error { return errors.New("away") }}}
		o.Routes = []httpserver.Route{handle("GET", "/", ok)}
	})
	call(t, "GET", s.URL+"/", "")
	for path, part := range map[string]string{
		"/livez":               `{"status":"ok"}`, // also while not ready
		"/metrics":             `http_request_duration_seconds_count{method="GET",route="/",status="200"} 1`,
		"/debug/pprof/":        "goroutine",
		"/debug/pprof/cmdline": "httpserver",
	} {
		if got := call(t, "GET", "http://"+s.AdminAddr()+path, ""); got.StatusCode != 200 || !strings.Contains(got.Body, part) {
			t.Errorf("%s: %s", path, got.Status)
		}
		if got := call(t, "GET", s.URL+path, ""); got.StatusCode != 404 {
			t.Errorf("clients see %s: %s", path, got.Status)
		}
	}
	if got := call(t, "POST", "http://"+s.AdminAddr()+"/livez", ""); got.StatusCode != 405 {
		t.Errorf("POST: %s", got.Status)
	}
}
