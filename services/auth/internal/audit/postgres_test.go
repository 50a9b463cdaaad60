package audit

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
)

var errChange = errors.New("the change failed")

func TestAnEventIsThereExactlyIfItsChangeIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	kept := New(t.Context(), Event{Type: UserCreate, Subject: "kept"})
	lost := New(t.Context(), Event{Type: UserCreate, Subject: "lost"})
	for _, change := range []struct {
		event Event
		fails error
	}{{kept, nil}, {lost, errChange}} {
		err := crdb.InTx(t.Context(), w.db, func(tx pgx.Tx) error {
			if err := Write(t.Context(), tx, change.event); err != nil {
				return err
			}
			return change.fails
		})
		if !errors.Is(err, change.fails) {
			t.Fatal(err)
		}
	}
	refused := New(t.Context(), Event{Type: ClientRefused, Reason: "invalid_client"})
	for range 2 { // an outcome that was not heard is repeated
		if err := NewLog(w.db, quiet{}).Record(t.Context(), refused); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.ids("true"); !reflect.DeepEqual(got, []uuid.UUID{kept.ID, refused.ID}) {
		t.Errorf("events %v, want that of the change that took effect and the refusal", got)
	}
}

// Both ways of writing leave the same row, and it is read as it was made.
func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	log := NewLog(w.db, quiet{})
	made := New(t.Context(), Event{
		Type: TokenIssue, Reason: "invalid_grant", Actor: "a", Subject: "s", ClientID: "c", SessionID: "i", Tenant: "t",
		Detail: map[string]string{"grant": "password"},
	})
	made.Address, made.RequestID, made.Outcome = "2001:db8::1", "r", Failure
	if err := log.Record(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	again := made
	again.ID = New(t.Context(), Event{}).ID
	w.store(again, again)
	got, err := outbox{w.db}.oldest(t.Context(), []uuid.UUID{}, 10)
	if err != nil || len(got) != 2 {
		t.Fatalf("%v %v", got, err)
	}
	if !reflect.DeepEqual(got[0], made) || !reflect.DeepEqual(got[1], again) {
		t.Errorf("read %+v, want %+v", got, made)
	}
}
