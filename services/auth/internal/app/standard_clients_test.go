package app_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
)

// published runs an instance whose issuer is the address it is reached at, as
// clients want it, with keys that anybody may verify with.
func published(t *testing.T) *service {
	t.Helper()
	stack := devstack.T(t, devstack.Options{Database: true, Redis: true, NATS: true})
	migrate(t, stack)
	set := environment(t, stack)
	set["HTTP_ADDR"] = freeAddress(t, stack)
	set["JWT_ISSUER"] = "https://" + set["HTTP_ADDR"]
	set["JWT_KEYS_DIR"] = t.TempDir()
	if _, err := bearer.GenerateKey(set["JWT_KEYS_DIR"], time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	s := run(t, stack, set)
	s.awaitReady()
	return s
}

// golang.org/x/oauth2 needs to be told nothing but the addresses.
func TestTheGoClient(t *testing.T) {
	t.Parallel()
	s := published(t)
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, s.client)
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleAutoDetect, oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
		endpoint := oauth2.Endpoint{TokenURL: s.url + "/token", AuthStyle: style}
		machine := clientcredentials.Config{
			ClientID: s.env["DEMO_CLIENT_ID"], ClientSecret: s.env["DEMO_CLIENT_SECRET"],
			TokenURL: endpoint.TokenURL, AuthStyle: style, Scopes: []string{"resources:read"},
		}
		own, err := machine.Token(ctx)
		if err != nil || own.Type() != "Bearer" || !own.Valid() || own.RefreshToken != "" {
			t.Fatalf("client credentials, style %d: %+v %v", style, own, err)
		}
		person := oauth2.Config{ClientID: machine.ClientID, ClientSecret: machine.ClientSecret, Endpoint: endpoint}
		token, err := person.PasswordCredentialsToken(ctx, s.env["DEMO_USER"], s.env["DEMO_PASSWORD"])
		if err != nil {
			t.Fatal(err)
		}
		first := token.RefreshToken
		token.Expiry = time.Now().Add(-time.Minute) // so that the source renews it
		source := person.TokenSource(ctx, token)
		renewed, err := source.Token()
		if err != nil || renewed.RefreshToken == first || renewed.AccessToken == token.AccessToken {
			t.Fatalf("refresh, style %d: %v", style, err)
		}
		answer, err := oauth2.NewClient(ctx, source).Get(s.url + "/v1/me")
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%v %v", answer, err)
		}
		if err := answer.Body.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// oauth4webapi is strict about everything that the RFCs say, and is told the
// issuer alone.
func TestTheStrictClient(t *testing.T) {
	t.Parallel()
	s := published(t)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "test", "oauth4webapi"))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	call := func(name string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+s.stack.CAFile, "ISSUER="+s.url, "AUDIENCE="+audience,
			"CLIENT_ID="+s.env["DEMO_CLIENT_ID"], "CLIENT_SECRET="+s.env["DEMO_CLIENT_SECRET"],
			"USERNAME="+s.env["DEMO_USER"], "PASSWORD="+s.env["DEMO_PASSWORD"])
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said)
		}
	}
	call("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	call("node", "client.mjs")
}
