package clerksession

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// scripted is a Backend API that answers what the test says.
func scripted(t *testing.T, answer http.HandlerFunc) *Backend {
	t.Helper()
	server := httptest.NewTLSServer(answer)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	backend, err := NewBackend(Config{APIURL: server.URL, SecretKey: "sk_test_x", CAFile: ca})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		backend.Close()
		server.Close()
	})
	return backend
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
