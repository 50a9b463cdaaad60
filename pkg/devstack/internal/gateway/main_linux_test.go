// Package gateway_test puts the gateways of deploy/gateway, with those very files, in
// front of both services as they are built, and asks what their clients would.
package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/internal/pair"
)

// Whom the services trust, and whom a client may call itself when it wants to be
// somebody else: Linux gives all of 127.0.0.0/8 to everybody.
const trusted = "127.0.0.1"

// TestMain ends the pair that the tests share.
func TestMain(m *testing.M) {
	devstack.Child()
	code := m.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// shared is one auth and three resources. What kills one takes the third.
var shared fleet

type fleet struct {
	once sync.Once
	dir  string
	held *pair.Held
	err  error
}

// services gives the pair, which the first test starts.
func services(t *testing.T) *pair.Held {
	t.Helper()
	shared.once.Do(func() { shared.err = shared.start(context.WithoutCancel(t.Context())) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.held
}

func (f *fleet) start(ctx context.Context) (err error) {
	if f.dir, err = os.MkdirTemp("", "tandem-gateway-"); err != nil {
		return err
	}
	for _, name := range []string{"auth", "resources"} {
		program := name + "d"
		build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(f.dir, program), "tandem.example/services/"+name+"/cmd/"+program)
		if said, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", program, err, said)
		}
	}
	f.held, err = pair.Hold(ctx, pair.Config{
		Authd: filepath.Join(f.dir, "authd"), Resourcesd: filepath.Join(f.dir, "resourcesd"), Resources: 3,
		RunDir: filepath.Join(f.dir, "run"), Out: os.Stderr,
		Rewire: func(_ string, _ *devstack.Stack, env []string) ([]string, error) {
			return append(env, "TRUSTED_PROXIES="+trusted, "LOG_LEVEL=error",
				"HTTP_READ_TIMEOUT=5s", "LIMIT_LOGIN_PAIR=3/24h"), nil
		},
	})
	return err
}

func (f *fleet) close() error {
	var err error
	if f.held != nil {
		err = f.held.Close(context.Background())
	}
	return errors.Join(err, os.RemoveAll(f.dir))
}
