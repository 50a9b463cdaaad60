package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// fault is one kind of harm.
type fault struct {
	name string
	// things are what it may be done to. A thing has one fault at a time.
	things func(*scene) []string
	// do does it to one of them and leaves nothing of it behind when it returns,
	// also when ctx ends before; it says what was done.
	do func(ctx context.Context, s *scene, thing string, r *rand.Rand) (string, error)
}

// errMissed is why a fault was not one: the instance never came by the point at
// which it was waited for, or the database knows no such thing.
var errMissed = errors.New("it did not come to that")

// injection is a fault that was done.
type injection struct {
	span
	name   string
	missed bool
	down   time.Duration // nobody answered anything
	partly time.Duration // some were not answered
}

// catalogue is every kind.
func catalogue() []fault {
	kinds := []fault{
		{"resources killed", resources, killInstance},
		{"auth killed", auths, killInstance},
		{"auth stopped", auths, pauseInstance},
		{"killed after mark", resources, killAt("marked")},
		{"killed after the statement", resources, killAt("written")},
		{"killed before unmark", resources, killAt("unmarking")},
		{"killed before publish", relays, killPublisher},
		{"writer stopped after mark, killed after the statement", resources, stopWriter},
		{"reader stopped before its fill", resources, stopReader},
		{"instance stopped past its markers' deadline", resources, pauseInstance},
		{"redis killed, restarted empty", the("redis"), emptyRedis},
		{"redis killed, restarted from an old dump", the("redis"), oldRedis},
		{"replica promoted, old primary still answers", redisWhole, promoteReplica},
		{"nats killed", the("nats"), killNATS},
		{"nats partitioned", natsWhole, partitionNATS},
		{"database killed", the("database"), killDatabase},
		{"database stopped", the("database"), pauseDatabase},
		{"writes fail with 40001", the("database"), forceRetries},
	}
	for _, server := range []string{"database", "redis", "nats", "clients"} {
		kinds = append(kinds,
			fault{"link cut: " + server, linksTo(server), cutLink},
			fault{"link reset: " + server, linksTo(server), resetLink},
			fault{"link delayed: " + server, linksTo(server), delayLink},
			fault{"link stalled: " + server, linksTo(server), stallLink},
		)
	}
	return kinds
}

func the(server string) func(*scene) []string {
	return func(*scene) []string { return []string{server} }
}

func linksTo(end string) func(*scene) []string {
	return func(s *scene) []string {
		return slices.DeleteFunc(sortedKeys(s.links.proxies), func(name string) bool { return !strings.HasSuffix(name, " "+end) })
	}
}

// chosen are those whose name contains one of the words, or all.
func chosen(words string) (kinds []fault) {
	for _, f := range catalogue() {
		if words == "" || slices.ContainsFunc(strings.Split(words, ","), func(w string) bool { return strings.Contains(f.name, w) }) {
			kinds = append(kinds, f)
		}
	}
	return kinds
}

// share is one of several shares of the faults, so that each has its turn in
// one of as many runs.
func share(kinds []fault, n, shares int) (some []fault) {
	for i, f := range kinds {
		if shares == 0 || i%shares == n%shares {
			some = append(some, f)
		}
	}
	return some
}

// spell is how long a fault lasts.
func spell(ctx context.Context, r *rand.Rand, least, most time.Duration) {
	pause(ctx, least+time.Duration(r.Int64N(int64(most-least))))
}
