package chaos

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A thing has one fault at a time, also as a part of something larger.
func TestTake(t *testing.T) {
	t.Parallel()
	p := &plague{scene: &scene{}, held: map[string]bool{}}
	r := rand.New(rand.NewPCG(1, 1))
	of := func(things ...string) fault { return fault{things: func(*scene) []string { return things }} }
	take := func(f fault, want string) {
		t.Helper()
		if got := p.take(f, r); got != want {
			t.Errorf("took %q, want %q", got, want)
		}
	}
	take(of("a"), "a")
	take(of("a", "b"), "b")
	take(of("a+c"), "")
	take(of("c+d"), "c+d")
	take(of("d"), "")
	p.free("c+d")
	take(of("d"), "d")
	p.free("a")
	take(of("a+c"), "a+c")
}

// Every fault has its turn in one of the shares, and its own name.
func TestShares(t *testing.T) {
	t.Parallel()
	times := map[string]int{}
	for n := range 3 {
		for _, f := range share(catalogue(), n, 3) {
			times[f.name]++
		}
	}
	for _, f := range catalogue() {
		if times[f.name] != 1 {
			t.Errorf("%s: %d times", f.name, times[f.name])
		}
	}
	if len(share(catalogue(), 0, 0)) != len(catalogue()) {
		t.Error("without shares some are left out")
	}
	for _, c := range cripples("all") {
		if len(chosen(c.faults)) == 0 {
			t.Errorf("no fault shows that there is no %s", c.part)
		}
	}
}

func TestDown(t *testing.T) {
	t.Parallel()
	tally := newTally()
	count := func(window0 int64, status int) {
		tally.count("read", answer{span: span{end: window0*window + 1}, status: status}, unknown)
	}
	count(1, 200)
	count(2, 503)
	count(2, 200)
	count(3, 0)
	count(4, 503)
	count(5, 404)
	count(20, 0)
	if down, partly := tally.down(window, 6*window); down != 200*time.Millisecond || partly != 100*time.Millisecond {
		t.Errorf("%v without an answer, %v with some; want 200ms and 100ms", down, partly)
	}
	for now, want := range map[int64]bool{6: false, 10: false} { // nothing was answered since
		if tally.isCalm(now) != want {
			t.Errorf("calm at %d: %v", now, !want)
		}
	}
	for w := int64(30); w < 30+calm; w++ {
		count(w, 200)
	}
	if !tally.isCalm(30 + calm) {
		t.Error("not calm although all was answered")
	}
}
