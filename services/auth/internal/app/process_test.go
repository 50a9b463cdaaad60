package app_test

import (
	"context"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"tandem.example/pkg/devstack"
)

// another is an instance in a process of its own, which a test may kill.
type another struct {
	*service

	process *os.Process
}

// spawn starts an instance beside this one, on the same servers.
func (s *service) spawn() another {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	beside := *s
	beside.env = maps.Clone(s.env)
	beside.env["HTTP_ADDR"], beside.env["ADMIN_ADDR"] = freeAddress(s.t, s.stack), freeAddress(s.t, s.stack)
	beside.url, beside.admin = "https://"+beside.env["HTTP_ADDR"], "https://"+beside.env["ADMIN_ADDR"]
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	cmd := exec.CommandContext(ctx, self, "run")
	cmd.Env = []string{asProgram + "=1"}
	for name, value := range beside.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
	beside.await("the other instance is not ready", func() bool {
		got, err := beside.operator.Do(beside.request(http.MethodGet, beside.admin+"/readyz", "", nil))
		if err == nil {
			_ = got.Body.Close()
		}
		return err == nil && got.StatusCode == http.StatusOK
	})
	return another{&beside, cmd.Process}
}

func freeAddress(t *testing.T, stack *devstack.Stack) string {
	t.Helper()
	address, err := stack.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return address
}
