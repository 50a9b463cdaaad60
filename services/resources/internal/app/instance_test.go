package app_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/fx"

	"tandem.example/pkg/env"
	"tandem.example/pkg/httpserver"
	"tandem.example/services/resources/internal/app"
)

// instance is one running service.
type instance struct {
	url, admin string
	client     *http.Client
	operator   *http.Client // not held to the document
	stop       func(context.Context) error
	calm       bool // nothing is taken away from it
}

// boot starts an instance without waiting until it is ready. Changes are
// variables and values of its environment.
func (w world) boot(tb testing.TB, changes ...string) *instance {
	tb.Helper()
	variables := maps.Clone(w.env)
	for i := 0; i < len(changes); i += 2 {
		variables[changes[i]] = changes[i+1]
	}
	cfg, err := env.Load[app.Config](lookup(variables))
	if err != nil {
		tb.Fatal(err)
	}
	var server *httpserver.Server
	service := fx.New(app.New(cfg, "test"), fx.Populate(&server))
	if err := service.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	scheme := "https://"
	if cfg.HTTP.CertFile == "" {
		scheme = "http://"
	}
	i := w.reach(tb, scheme+server.Addr(), scheme+server.AdminAddr())
	stopped := false
	i.stop = func(ctx context.Context) error {
		if stopped {
			return nil
		}
		stopped = true
		return service.Stop(ctx)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := i.stop(ctx); err != nil {
			tb.Error(err)
		}
	})
	return i
}

// start starts an instance and waits until it is ready.
func (w world) start(tb testing.TB, changes ...string) *instance {
	tb.Helper()
	i := w.boot(tb, changes...)
	i.await(tb, "", patience)
	i.calm = w.calm
	return i
}

// reach is an instance that runs somewhere. What it answers is held to the
// document.
func (w world) reach(tb testing.TB, url, admin string) *instance {
	tb.Helper()
	transport := &http.Transport{TLSClientConfig: w.trust, DisableCompression: true, MaxIdleConnsPerHost: 64}
	tb.Cleanup(transport.CloseIdleConnections)
	return &instance{
		url: url, admin: admin, operator: &http.Client{Transport: transport, Timeout: 10 * time.Second},
		client: &http.Client{
			Transport: document.Watch(transport, func(err error) { tb.Errorf("contract: %v", err) }), Timeout: 40 * time.Second,
		},
	}
}

// ready asks for readiness: the status, and the names and codes of what is away.
func (i *instance) ready(tb testing.TB) (status int, away string) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, i.admin+"/readyz", nil)
	if err != nil {
		tb.Fatal(err)
	}
	res, err := i.operator.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		tb.Fatal(err)
	}
	var report struct {
		Checks []struct {
			Name string `json:"name"`
			Code string `json:"code"`
			OK   bool   `json:"ok"`
		} `json:"checks"`
	}
	if err := json.Unmarshal(body, &report); err != nil {
		tb.Fatalf("%s: %v", body, err)
	}
	var names []string
	for _, c := range report.Checks {
		if !c.OK {
			names = append(names, c.Name+":"+c.Code)
		}
	}
	return res.StatusCode, strings.Join(names, " ")
}

// await waits until exactly that is away.
func (i *instance) await(tb testing.TB, away string, within time.Duration) {
	tb.Helper()
	eventually(tb, within, "away: "+away, func() (bool, string) {
		status, got := i.ready(tb)
		return status != 0 && got == away, got
	})
}

// eventually polls until done says so; the text is what it saw last.
func eventually(tb testing.TB, within time.Duration, what string, done func() (bool, string)) {
	tb.Helper()
	deadline := time.After(within)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, saw := done()
		if ok {
			return
		}
		select {
		case <-deadline:
			tb.Fatalf("not within %s: %s; saw %q", within, what, saw)
		case <-tick.C:
		}
	}
}
