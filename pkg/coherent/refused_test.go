package coherent

import (
	"errors"
	"testing"

	"tandem.example/pkg/epoch"
)

// A new connection that the server refuses with a reason of its own, here a
// password that was changed, carries no marker, whatever the client's replies say.
// The keeper's connection lives on, and with it the lease.
func TestNothingIsWrittenIfNoMarkerCouldBeSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader, writer := w.process(), w.process()
	id := newID()
	reader.insert(t, id)
	reader.read(t, id) // stored
	err := reader.epoch(t).Redis().Do(t.Context(), "ACL", "SETUSER", "admin", "resetpass", ">another").Err()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write(t.Context(), writer.change(id, "second")); !errors.Is(err, epoch.ErrUnavailable) {
		t.Errorf("a write without a marker ended with: %v", err)
	}
	if now, err := writer.load(id)(t.Context()); err != nil || now.Version != 1 {
		t.Errorf("version %d was written (%v)", now.Version, err)
	}
}
