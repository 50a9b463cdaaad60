package journey_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tandem.example/pkg/daemon"
	"tandem.example/pkg/env/envtest"
	"tandem.example/services/resources/internal/journey"
)

// flaws are what an installation may do wrong.
type flaws struct{ noToken, staleAt, found, live, active, broken bool }

// pair is both services as far as the journey goes, each request answered by
// another instance in turn.
type pair struct {
	flaws

	mu      sync.Mutex
	version int // 0: there is none
	gone    bool
	revoked bool
	reads   int
}

func (p *pair) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.Method + " " + r.URL.Path {
	case "POST /token":
		id, secret, _ := r.BasicAuth()
		if id != "the%2Fclient" || secret != "its+word" || r.FormValue("scope") != "resources:read resources:write" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":"invalid_client"}`))
			return
		}
		token := "t"
		if p.noToken {
			token = ""
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"access_token": token})
	case "POST /revoke":
		p.revoked = true
	case "POST /introspect":
		_ = json.NewEncoder(w).Encode(map[string]bool{"active": !p.revoked || p.active})
	default:
		p.resource(w, r)
	}
}

func (p *pair) resource(w http.ResponseWriter, r *http.Request) {
	if p.revoked && !p.live || r.Header.Get("Authorization") != "Bearer t" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch r.Method {
	case http.MethodPost:
		p.version = 1
		w.Header().Set("Location", "/v1/resources/1")
		w.WriteHeader(http.StatusCreated)
	case http.MethodPut:
		if p.broken {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"code":"unavailable"}`))
			return
		}
		p.version = 2
	case http.MethodDelete:
		p.version, p.gone = 0, true
		w.WriteHeader(http.StatusNoContent)
	default:
		p.read(w)
	}
}

func (p *pair) read(w http.ResponseWriter) {
	p.reads++
	shown := p.version
	if p.staleAt && shown == 2 && p.reads%3 == 0 {
		shown = 1
	}
	if shown == 0 && !p.found {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf("%q", fmt.Sprint(shown)))
}

func begin(t *testing.T, p *pair) map[string]string {
	t.Helper()
	server := httptest.NewTLSServer(p)
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"AUTH_URL": server.URL, "RESOURCES_URL": server.URL, "JOURNEY_CA_FILE": ca,
		"JOURNEY_CLIENT_ID": "the/client", "JOURNEY_CLIENT_SECRET": "its word", "JOURNEY_READS": "7",
	}
}

func run(t *testing.T, environment map[string]string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := journey.Command(t.Context(), func(name string) (string, bool) {
		value, ok := environment[name]
		return value, ok
	}, args, &out)
	return out.String(), err
}

func TestJourney(t *testing.T) {
	t.Parallel()
	p := &pair{}
	said, err := run(t, begin(t, p))
	if err != nil || strings.Count(said, "\n") != 5 {
		t.Errorf("%v\n%s", err, said)
	}
	if p.reads != 3*7 { // those with the revoked token do not come so far
		t.Errorf("%d reads", p.reads)
	}
}

func TestJourneyFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for want, wrong := range map[string]flaws{
		"step 1, a token is issued: the answer has no token": {noToken: true},
		`version "1" was read where "2" is the newest`:       {staleAt: true},
		"the answer is 503 unavailable, not 200":             {broken: true},
		"the answer is 200 , not 404":                        {found: true},
		"the answer is 404 , not 401":                        {live: true},
		"auth calls the token active":                        {active: true},
	} {
		p := &pair{flaws: wrong}
		_, err := run(t, begin(t, p))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, not %s", wrong, err, want)
		}
		if !p.noToken && !p.gone {
			t.Errorf("%+v: the resource is left behind", wrong)
		}
	}
}

func TestJourneyIsNotTakenWith(t *testing.T) {
	t.Parallel()
	environment := begin(t, &pair{})
	if _, err := run(t, environment, "now"); err == nil || !strings.Contains(err.Error(), daemon.ErrUsage.Error()) {
		t.Error(err)
	}
	environment["JOURNEY_CLIENT_SECRET"] = "another word"
	if _, err := run(t, environment); err == nil || !strings.Contains(err.Error(), "401 invalid_client") {
		t.Error(err)
	}
	environment["JOURNEY_READS"] = "0"
	delete(environment, "JOURNEY_CA_FILE")
	if _, err := run(t, environment); err == nil || !strings.Contains(err.Error(), "JOURNEY_READS") {
		t.Error(err)
	}
	delete(environment, "JOURNEY_READS")
	if _, err := run(t, environment); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a stranger's certificate is taken: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := journey.Run(ctx, journey.Config{AuthURL: environment["AUTH_URL"], Reads: 1}, &bytes.Buffer{}); err == nil {
		t.Error("it goes on after it was cancelled")
	}
}

func TestTheExampleEnvironmentExplainsTheJourney(t *testing.T) {
	t.Parallel()
	envtest.Explains[journey.Config](t, "../../../../.env.example")
}
