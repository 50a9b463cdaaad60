package audit

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tandem.example/pkg/devstack"
)

const childRole = "audit-child"

// child announces in a process of its own that kills itself, without any chance
// to clean up, when it comes by a point.
func child(args []string) int {
	database, bus, ca, point := args[0], args[1], args[2], args[3]
	db, err := openDB(database)
	if err != nil {
		return 2
	}
	nc, err := dial(bus, ca)
	if err != nil {
		return 2
	}
	p := NewPublisher(Settings{Holder: uuid.NewString(), Source: "test/auth", Replicas: 1}, db, zap.NewNop(), prometheus.NewRegistry())
	p.at = func(at string) {
		if at == point {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal may take a moment
		}
	}
	if err := p.Start(nc); err != nil {
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
func (w *world) crash(point string) {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.CommandContext(w.t.Context(), self, childRole, w.stack.DatabaseURL, w.stack.NATSURL, w.stack.CAFile, point)
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		w.t.Errorf("child said %q: %v", line, err)
	}
	guard := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer guard.Stop()
	begun := time.Now()
	_ = cmd.Wait()
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || status.Signal() != syscall.SIGKILL || time.Since(begun) >= patience {
		w.t.Errorf("child at %s ended with %v", point, cmd.ProcessState)
	}
}

// Between commit and publish, between publish and mark, after the mark: wherever
// a publisher is killed, the next one brings it to its end.
func TestKilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"read", "half", "published", "marked"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, devstack.Options{OwnNATS: true})
			var events []Event
			for range 2 {
				events = append(events, w.store(many(t.Context(), 30)...)...)
				w.crash(point)
				w.exec(`UPDATE audit_leases SET lease_until = now() - INTERVAL '1 second'`) // spares the test the wait
			}
			w.start(w.publisher())
			w.drained()
			w.announced(events...)
		})
	}
}
