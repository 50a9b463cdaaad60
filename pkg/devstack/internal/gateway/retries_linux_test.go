package gateway_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// counter is an instance that breaks off after it has read a request, as one that dies
// before it can answer does.
type counter struct {
	url   string
	close func()
	seen  atomic.Int64
}

func breaksOff(t *testing.T) *counter {
	t.Helper()
	c := &counter{}
	c.url, c.close = serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/openapi.json" {
			return // it is well when asked
		}
		_, _ = io.Copy(io.Discard, r.Body) // it may be cut
		c.seen.Add(1)
		panic(http.ErrAbortHandler)
	})
	return c
}

func answers(t *testing.T, status int, header ...string) *counter {
	t.Helper()
	c := &counter{}
	c.url, c.close = serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/openapi.json" {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // what is not whole is nothing
		}
		c.seen.Add(1)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
	})
	return c
}

// What may have been carried out is not sent again, unless it is a GET.
func TestSentOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
				one, two := breaksOff(t), breaksOff(t)
				g := run(t, kind, behind{resources1: one.url, resources2: two.url})
				for n := range int64(10) {
					got := g.ask(t, method, "/v1/resources/x", "{}")
					if seen := one.seen.Load() + two.seen.Load(); seen > n+1 {
						t.Fatalf("%s: %d requests have become %d", method, n+1, seen)
					}
					if got.status != http.StatusBadGateway || got.failure() != "gateway_error" || got.header.Get("Retry-After") != "" {
						t.Errorf("%s: %d %v %s", method, got.status, got.header, got.body)
					}
				}
			}
			broken, well := breaksOff(t), answers(t, http.StatusOK)
			g := run(t, kind, behind{resources1: broken.url, resources2: well.url})
			for range 10 {
				if got := g.ask(t, "GET", "/v1/resources", ""); got.status != http.StatusOK {
					t.Errorf("GET: %d %s", got.status, got.body)
				}
			}
		})
	}
}

// What was never sent goes to another instance. Caddy before 2.11 has closed the body by
// then, and refuses until it has noticed that the instance is gone.
func TestGoneInstance(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for method, body := range map[string]string{"POST": "{}", "PATCH": "{}", "GET": "", "HEAD": ""} {
				going, well := answers(t, http.StatusOK), answers(t, http.StatusOK)
				g := run(t, kind, behind{resources1: going.url, resources2: well.url})
				for range 4 {
					g.ask(t, method, "/v1/resources", body)
				}
				before, arrived := well.seen.Load(), int64(0)
				if before == 0 || going.seen.Load() == 0 {
					t.Fatalf("the instances saw %d and %d", going.seen.Load(), before)
				}
				going.close()
				eventually(t, method+" goes to the other", func() bool {
					got := g.ask(t, method, "/v1/resources", body)
					if got.status == http.StatusOK {
						arrived++
					} else if kind != "caddy" || body == "" || got.status != http.StatusBadGateway {
						t.Errorf("%s: %d %s", method, got.status, got.body)
					}
					if seen := well.seen.Load() - before; seen != arrived {
						t.Fatalf("%s: %d were answered, %d arrived", method, arrived, seen)
					}
					return arrived == 6
				})
			}
		})
	}
}

// A service that refuses is believed, and asked once.
func TestRefusalsArePassedOn(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			one, two := answers(t, http.StatusServiceUnavailable, "Retry-After", "7"), answers(t, http.StatusServiceUnavailable, "Retry-After", "7")
			g := run(t, kind, behind{resources1: one.url, resources2: two.url})
			for n := range int64(8) {
				got := g.ask(t, []string{"GET", "POST"}[n%2], "/v1/resources", "")
				if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "7" || one.seen.Load()+two.seen.Load() != n+1 {
					t.Errorf("%d %v, asked %d times", got.status, got.header, one.seen.Load()+two.seen.Load())
				}
			}
		})
	}
}

// An instance is killed under load: reads go on, and what was written under a key is
// there once, when the client has sent it again after the gateway's 502.
func TestKilledInstance(t *testing.T) {
	t.Parallel()
	held := services(t)
	gateways := make([]gateway, len(kinds))
	for i, kind := range kinds {
		gateways[i] = run(t, kind, behind{resources2: held.Variable("RESOURCES_3_URL")})
	}
	token := gateways[0].login(t)
	kind := "killed-" + strings.ToLower(rand.Text())
	var acknowledged, read atomic.Int64
	var started atomic.Bool
	var load sync.WaitGroup
	defer load.Wait() // it reports to this test
	ctx, end := context.WithCancel(t.Context())
	defer end()
	for _, g := range gateways {
		load.Go(func() {
			for ctx.Err() == nil {
				switch got, err := g.try(t, "GET", "/v1/resources?limit=1", "", "Authorization", token); {
				case err == nil && got.status == http.StatusOK:
					read.Add(1)
				case err == nil && got.status == http.StatusServiceUnavailable && got.header.Get("Retry-After") != "" && started.Load():
					// The instance runs again and is not ready yet.
				default:
					t.Errorf("%s: a read: %d %s %v", g.kind, got.status, got.body, err)
					return
				}
			}
		})
		load.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				body := `{"type":"` + kind + `","name":"` + strconv.Itoa(n) + `"}`
				for key := rand.Text(); ; {
					got, err := g.try(t, "POST", "/v1/resources", body, "Authorization", token, "Idempotency-Key", key)
					if err == nil && got.status == http.StatusCreated {
						acknowledged.Add(1)
						break
					}
					if err != nil || got.status < 500 && got.status != http.StatusConflict {
						t.Errorf("%s: a write: %d %s %v", g.kind, got.status, got.body, err)
						return
					}
				}
			}
		})
	}
	under := func(what string) {
		t.Helper()
		reads, writes := read.Load(), acknowledged.Load()
		eventually(t, what, func() bool { return t.Failed() || read.Load() > reads+50 && acknowledged.Load() > writes+20 })
	}
	under("load")
	if err := held.Kill(t.Context(), "resources-3"); err != nil {
		t.Error(err)
	}
	under("load without it")
	started.Store(true)
	if err := held.Start(t.Context(), "resources-3"); err != nil {
		t.Error(err)
	}
	under("load with it again")
	end()
	load.Wait()
	if n := gateways[0].count(t, token, kind); n != acknowledged.Load() {
		t.Errorf("%d resources after %d acknowledged writes", n, acknowledged.Load())
	}
}

// count tells how many resources of a type there are.
func (g gateway) count(t *testing.T, token, kind string) (n int64) {
	t.Helper()
	for path := "/v1/resources?limit=100&type=" + kind; ; {
		var page struct {
			Items []json.RawMessage `json:"items"`
			Next  string            `json:"next_cursor"`
		}
		got := g.ask(t, "GET", path, "", "Authorization", token)
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		n += int64(len(page.Items))
		if page.Next == "" {
			return n
		}
		path = "/v1/resources?limit=100&type=" + kind + "&cursor=" + url.QueryEscape(page.Next)
	}
}
