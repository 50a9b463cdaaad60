package gateway_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem.example/pkg/devstack/internal/pair"
)

const patience = 30 * time.Second

// gateway is a running Caddy or nginx.
type gateway struct {
	client // with keep-alive

	kind string
	pair *pair.Held
}

// behind says what a gateway stands in front of, where it is not the usual.
type behind struct{ auth, application, resources1, resources2 string }

// kinds are the gateways that can be run here.
var kinds = []string{"caddy", "nginx"}

// run starts a gateway with its file, and waits until it listens.
func run(t *testing.T, kind string, b behind) gateway {
	t.Helper()
	held := services(t)
	stack := held.Stack()
	addr, err := stack.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(addr)
	at := func(given, variable string) string {
		if given == "" {
			given = held.Variable(variable)
		}
		return strings.TrimPrefix(strings.TrimPrefix(given, "https://"), "http://")
	}
	one, two := at(b.resources1, "RESOURCES_URL"), at(b.resources2, "RESOURCES_2_URL")
	words := map[string]string{
		"GATEWAY_ADDRESS": ":" + port, "LISTEN": addr, "DIR": t.TempDir(),
		"CERT_FILE": stack.CertFile, "KEY_FILE": stack.KeyFile, "CA_FILE": stack.CAFile,
		"AUTH_ADDR": at(b.auth, "AUTH_URL"), "AUTH_NAME": "localhost",
		"RESOURCES_ADDRS": one + " " + two, "RESOURCES_1_ADDR": one, "RESOURCES_2_ADDR": two, "RESOURCES_NAME": "localhost",
		"APPLICATION_ADDR": at(b.application, "AUTH_URL"), "APPLICATION_NAME": "localhost",
	}
	g := gateway{client: newClient(t, stack.CAFile, "https://"+addr, ""), kind: kind, pair: held}
	if kind == "nginx" {
		g.keep(t, nginx(t, words))
	} else {
		g.keep(t, caddy(t, words))
	}
	return g
}

// caddy reads the words from its environment.
func caddy(t *testing.T, words map[string]string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "caddy", "run", "--adapter", "caddyfile", "--config", file("Caddyfile"))
	cmd.Env = []string{"HOME=" + words["DIR"]}
	for name, value := range words {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// nginx gets a file with the words in place, as its official image would make it.
func nginx(t *testing.T, words map[string]string) *exec.Cmd {
	t.Helper()
	text, err := os.ReadFile(file("nginx.conf"))
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for name, value := range words {
		pairs = append(pairs, "${"+name+"}", value)
	}
	config := filepath.Join(words["DIR"], "nginx.conf")
	if err := os.WriteFile(config, []byte(strings.NewReplacer(pairs...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), "nginx", "-p", words["DIR"], "-c", config, "-g", "daemon off; master_process off;")
}

func file(name string) string {
	return filepath.Join("..", "..", "..", "..", "deploy", "gateway", name)
}

// keep runs the program until the test ends.
func (g gateway) keep(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	said, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s is missing (make prepare adds it): %v", g.kind, err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		if text, _ := os.ReadFile(said.Name()); t.Failed() {
			t.Logf("%s says:\n%s", g.kind, text[max(0, len(text)-4000):])
		}
		_ = said.Close()
	})
	eventually(t, g.kind+" answers", func() bool {
		_, err := g.try(t, "GET", "/", "")
		return err == nil
	})
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("not within %s: %s", patience, what)
		case <-tick.C:
		}
	}
}
