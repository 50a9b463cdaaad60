package relay

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/invalidation"
)

// A transaction that began first may commit last: its created_at is older and
// its version higher.
func TestVersionBeatsTimeOfBegin(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	early, err := p.owner.Pool().Begin(t.Context()) // now() stands still from here on
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = early.Rollback(t.Context()) }()
	p.mustWrite("a")
	var version int64
	err = early.QueryRow(t.Context(), writeSQL, "a", uuid.New(), subjectOf("a"),
		`{"action":"updated","tenant":"t","type":"doc","id":"a"}`, invalidation.Shard(subjectOf("a"))).Scan(&version)
	if err != nil || version != 2 {
		t.Fatalf("version %d, %v", version, err)
	}
	if err := early.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	var inverted bool
	err = p.owner.Pool().QueryRow(t.Context(), `SELECT min(created_at) FILTER (WHERE version = 2) < min(created_at) FILTER (WHERE version = 1)
		FROM operations`).Scan(&inverted)
	if err != nil || !inverted {
		t.Fatalf("the times are not the wrong way round: %v", err)
	}
	p.start(p.relay(nil))
	p.drained()
	p.complete()
}

// The low version is so young that it is not among the oldest rows of its shard.
func TestLowVersionOutsideTheBatchGoesFirst(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	shard, begun := invalidation.Shard(subjectOf("a")), time.Now()
	p.insert("a", 2, begun.Add(-time.Hour), "committed", "")
	p.insert("a", 1, begun.Add(time.Hour), "committed", "")
	for i, n := 0, 0; n < 3*roundSubjects; i++ {
		if id := fmt.Sprint("x", i); invalidation.Shard(subjectOf(id)) == shard {
			p.insert(id, 1, begun, "committed", "")
			n++
		}
	}
	p.start(p.relay(nil))
	p.drained()
	if got := p.stored()["a"]; !slices.Equal(got, []int64{1, 2}) {
		t.Fatalf("stored %v", got)
	}
}

// A writer that breaks the rule: nothing may go backwards, and it is counted.
func TestVersionBelowWhatIsAnnouncedIsNotPublished(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	r := p.start(p.relay(nil))
	p.insert("a", 2, time.Now(), "committed", "")
	p.drained()
	p.insert("a", 1, time.Now(), "committed", "")
	p.insert("a", 3, time.Now(), "committed", "")
	p.drained()
	if got := p.stored()["a"]; !slices.Equal(got, []int64{2, 3}) {
		t.Fatalf("stored %v", got)
	}
	if n := r.value(t, "invalidation_skipped_total"); n != 1 {
		t.Fatalf("skipped %v", n)
	}
}

// A relay falls asleep with rows in its hands, at each point; another one goes
// on; the server has forgotten the message ids when the first wakes up.
func TestARelayThatWakesUpLate(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"read", "located", "stored", "published"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			p := newPlant(t, devstack.Options{})
			p.mustWrite("a")
			p.mustWrite("a")
			p.mustWrite("a")
			late := p.relay(nil)
			late.settings().dedupe = 100 * time.Millisecond
			asleep, wake := make(chan struct{}), make(chan struct{})
			first := true
			late.at = func(at string) {
				if at == point && first {
					first = false
					close(asleep)
					<-wake
				}
			}
			p.start(late)
			<-asleep
			other := p.relay(nil)
			other.settings().dedupe = 100 * time.Millisecond
			p.start(other)
			p.mustWrite("a")
			p.eventually("the other announces", func() bool {
				other.Nudge(subjectOf("a"))
				return p.unpublished() == 0
			})
			<-time.After(300 * time.Millisecond) // past the server's memory of ids
			close(wake)
			p.mustWrite("a")
			late.Nudge(subjectOf("a"))
			p.drained()
			p.stop(late)
			p.complete()
			if point == "located" && late.value(t, "invalidation_published_total") != 0 &&
				late.value(t, "invalidation_skipped_total") == 0 {
				t.Error("it published what it had in its hands")
			}
		})
	}
}

// An event that an operator made by hand does not count as an announcement.
func TestAnEventMadeByHandIsNoAnnouncement(t *testing.T) {
	t.Parallel()
	p := newPlant(t, devstack.Options{})
	p.start(p.relay(nil))
	p.mustWrite("a")
	p.drained()
	js, err := jetstream.New(p.admin)
	if err != nil {
		t.Fatal(err)
	}
	msg := nats.NewMsg(invalidation.Address(subjectOf("a")))
	msg.Data = []byte(`by hand`)
	if _, err := js.PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	p.mustWrite("a")
	p.drained()
	p.complete()
}
