package epoch_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/epoch"
)

func TestATripKeepsEachReply(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var replays atomic.Int64
	e := await(t, w.keeper(w.stack, counting(&replays)), 1)
	ctx := t.Context()
	if err := set(ctx, e, "a", "1"); err != nil {
		t.Fatal(err)
	}
	trip := e.Trip()
	exists := redis.NewIntCmd(ctx, "exists", "a", "b")
	get := redis.NewStringCmd(ctx, "get", "a")
	none := redis.NewStringCmd(ctx, "get", "b")
	trip.Add(exists)
	trip.Add(get, none)
	if err := trip.Do(ctx); err != nil {
		t.Fatal(err)
	}
	if err := trip.Do(ctx); err != nil { // nothing is left to send
		t.Fatal(err)
	}
	if exists.Val() != 1 || get.Val() != "1" || none.Err() != redis.Nil { //nolint:errorlint // the driver's own sentinel, unwrapped
		t.Errorf("replies: %v, %v, %v", exists, get, none)
	}
	if got := epoch.TripFrom(epoch.WithTrip(ctx, trip)); got != trip {
		t.Error("the context lost the trip")
	}
}

// Counted at the server: it reads once from the socket for the three commands
// of a trip. The keeper's own renewals and the count itself read a few times.
func TestATripIsReadAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var replays atomic.Int64
	e := await(t, w.keeper(w.stack, counting(&replays)), 1)
	const trips, others = 200, 20
	before := reads(t, e)
	for range trips {
		trip := e.Trip()
		trip.Add(redis.NewIntCmd(t.Context(), "exists", "a", "b"))
		trip.Add(redis.NewStringCmd(t.Context(), "get", "a"), redis.NewStringCmd(t.Context(), "get", "b"))
		if err := trip.Do(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := reads(t, e) - before; n < trips || n > trips+others {
		t.Errorf("the server read %d times for %d trips", n, trips)
	}
}

// reads is how often the server has read from a client's socket.
func reads(t *testing.T, e *epoch.Epoch) int {
	t.Helper()
	info, err := e.Redis().InfoMap(t.Context(), "stats").Result()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, digit := range strings.TrimSpace(info["Stats"]["total_reads_processed"]) {
		n = n*10 + int(digit-'0')
	}
	return n
}
