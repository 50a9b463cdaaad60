package clerk_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tandem.example/pkg/devstack/clerk"
)

// delivery is one try to deliver an event.
type delivery struct {
	id, at, signature string
	body              []byte
}

func (d delivery) signed(key []byte) bool {
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte(d.id + "." + d.at + "."))
	_, _ = mac.Write(d.body)
	return d.signature == "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// endpoint takes an event at the third try.
func endpoint(t *testing.T) (url, caFile string, got <-chan delivery) {
	t.Helper()
	tries := make(chan delivery, 64)
	seen := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		tries <- delivery{r.Header.Get("Svix-Id"), r.Header.Get("Svix-Timestamp"), r.Header.Get("Svix-Signature"), body}
		if seen++; seen%3 != 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(caFile, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	return server.URL, caFile, tries
}

func TestEventsAreSentUntilTheyAreTaken(t *testing.T) {
	t.Parallel()
	s, client := start(t)
	url, caFile, tries := endpoint(t)
	key := []byte("a key of 32 bytes for the tests.")
	if err := s.Notify(clerk.Webhook{URL: url, Secret: "whsec_" + base64.StdEncoding.EncodeToString(key), CAFile: caFile}); err != nil {
		t.Fatal(err)
	}
	token, err := s.SessionToken(clerk.Wish{UserID: "user_1"})
	if err != nil {
		t.Fatal(err)
	}
	call := func(method, path string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+secretKey)
		response, err := client.Do(r)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %v %v", method, path, response, err)
		}
		_ = response.Body.Close()
	}
	taken := func(kind, id string) {
		t.Helper()
		first := ""
		for range 3 {
			select {
			case d := <-tries:
				var e struct {
					Type string `json:"type"`
					Data struct {
						ID string `json:"id"`
					} `json:"data"`
				}
				if err := json.Unmarshal(d.body, &e); err != nil || e.Type != kind || e.Data.ID != id || !d.signed(key) {
					t.Fatalf("%s: %+v %s, %v", kind, e, d.signature, err)
				}
				if first == "" {
					first = d.id
				}
				if d.id != first || d.at == "" {
					t.Errorf("a repetition is called %s, not %s", d.id, first)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("%s was not sent again", kind)
			}
		}
	}
	call(http.MethodPost, "/dev/sessions/"+token.SessionID+"/end")
	taken("session.ended", token.SessionID)
	call(http.MethodPost, "/dev/sessions/"+token.SessionID+"/end") // is over: nothing to tell
	if token, err = s.SessionToken(clerk.Wish{UserID: "user_1"}); err != nil {
		t.Fatal(err)
	}
	call(http.MethodPost, "/v1/sessions/"+token.SessionID+"/revoke")
	taken("session.revoked", token.SessionID)
	call(http.MethodDelete, "/v1/users/user_1")
	taken("user.deleted", "user_1")
	if n := s.Calls("webhook"); n != 9 {
		t.Errorf("%d tries", n)
	}
}

// An endpoint that is away keeps nobody from closing the stand-in.
func TestCloseGivesUpDelivering(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	_, caFile, _ := endpoint(t)
	if err := s.Notify(clerk.Webhook{URL: "https://127.0.0.1:1/", Secret: "whsec_AAAA", CAFile: caFile}); err != nil {
		t.Fatal(err)
	}
	token, err := s.SessionToken(clerk.Wish{})
	if err != nil || !s.EndSession(token.SessionID) {
		t.Fatal(err)
	}
	s.Close()
	tries := s.Calls("webhook")
	if s.DeleteUser(token.UserID); s.Calls("webhook") > tries {
		t.Error("it goes on after it was closed")
	}
	if s.Notify(clerk.Webhook{Secret: "whsec_%", CAFile: caFile}) == nil || s.Notify(clerk.Webhook{CAFile: caFile + "x"}) == nil {
		t.Error("a malformed endpoint is taken")
	}
}
