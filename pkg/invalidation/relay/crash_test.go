package relay

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"tandem.example/pkg/devstack"
)

const childRole = "relay-child"

// child runs a relay in a process of its own that kills itself, without any
// chance to clean up, when it comes by a point for the nth time.
func child(args []string) int {
	database, bus, ca, holder, point := args[0], args[1], args[2], args[3], args[4]
	nth, err := strconv.ParseInt(args[5], 10, 64)
	if err != nil {
		return 2
	}
	db, err := openDB(database)
	if err != nil {
		return 2
	}
	nc, err := dial(bus, ca)
	if err != nil {
		return 2
	}
	r := New(Config{
		Settings: Settings{Replicas: 1, Poll: testPoll}, Holder: holder, Source: "test/child", DB: db, Log: zap.NewNop(),
	})
	var passed atomic.Int64
	r.at = func(at string) {
		if at == point && passed.Add(1) == nth {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal may take a moment
		}
	}
	if err := r.Start(nc); err != nil {
		return 2
	}
	if _, err := fmt.Fprintln(os.Stdout, "started"); err != nil {
		return 2
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
	return 0
}

// crash runs a child until it has killed itself.
func (p *plant) crash(point string, nth int) {
	p.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.CommandContext(p.t.Context(), self, childRole, p.stack.DatabaseURL, p.stack.NATSURL, p.stack.CAFile,
		"child-"+strconv.Itoa(int(p.ids.Add(1))), point, strconv.Itoa(nth))
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		p.t.Errorf("child said %q: %v", line, err)
	}
	guard := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer guard.Stop()
	begun := time.Now()
	_ = cmd.Wait()
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || status.Signal() != syscall.SIGKILL || time.Since(begun) >= patience {
		p.t.Errorf("child at %s ended with %v", point, cmd.ProcessState)
	}
}

// Between commit and publish, between two publishes, between publish and mark,
// after the mark: wherever a relay is killed, the next one brings it to its end.
func TestKilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"read", "located", "stored", "published", "marked"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			p := newPlant(t, devstack.Options{})
			for nth := 1; nth <= 3; nth++ {
				p.load(2, 6, 20)
				p.exec(`UPDATE relay_leases SET lease_until = now() - INTERVAL '1 second'`) // spares the test the wait
				p.crash(point, 1)
			}
			p.exec(`UPDATE relay_leases SET lease_until = now() - INTERVAL '1 second'`)
			r := p.start(p.relay(nil))
			p.drained()
			p.complete()
			if skipped := r.value(t, "invalidation_skipped_total"); point == "published" && skipped == 0 {
				t.Error("nothing was met that had been announced and not marked")
			}
		})
	}
}
