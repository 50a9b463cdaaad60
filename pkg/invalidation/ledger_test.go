package invalidation

import (
	"testing"

	"pgregory.net/rapid"
)

func TestLedgerFloorIsBelowEverythingOpen(t *testing.T) {
	t.Parallel()
	l := newLedger(10)
	l.done(12) // 11 is not for this subscriber
	if l.floor() != 12 {
		t.Fatalf("floor %d", l.floor())
	}
	l.postpone(15)
	l.done(20)
	l.advance(30)
	if l.floor() != 14 {
		t.Fatalf("floor %d while 15 is open", l.floor())
	}
	l.done(15)
	l.advance(30)
	if l.floor() != 30 {
		t.Fatalf("floor %d", l.floor())
	}
	l.done(12) // a repeat
	if l.floor() != 30 {
		t.Fatalf("floor %d went back", l.floor())
	}
}

// Whatever was handled among the latest subjects is remembered, and nothing is
// remembered as newer than it was.
func TestVersionsRememberTheLatest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const limit = 4
		v, truth := newVersions(limit), map[string]int64{}
		var order []string
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			subject := rapid.StringMatching(`[a-l]`).Draw(t, "subject")
			truth[subject]++
			v.handled(subject, truth[subject])
			order = append(order, subject)
		}
		recent := map[string]bool{}
		for i := len(order) - 1; i >= 0 && len(recent) < limit; i-- {
			recent[order[i]] = true
		}
		for subject, version := range truth {
			got := v.of(subject)
			if got > version || recent[subject] && got != version {
				t.Fatalf("%s: remembered %d of %d in %v", subject, got, version, order)
			}
		}
		if n := len(v.young) + len(v.aged); n > 2*limit {
			t.Fatalf("%d remembered", n)
		}
	})
}
