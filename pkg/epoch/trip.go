package epoch

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// Trip gathers the commands of one request that may travel in the same round
// trip: the guard adds the token check, the handler its read, and whoever needs
// an answer first sends both. It belongs to one goroutine.
type Trip struct {
	epoch  *Epoch
	keeper *Keeper // set if replies count in the grace of a lease, too
	cmds   []redis.Cmder
	room   [4]redis.Cmder // the usual trip needs no allocation of its own
	err    error
	graced bool
}

// Trip starts an empty trip.
func (e *Epoch) Trip() *Trip {
	t := &Trip{epoch: e}
	t.cmds = t.room[:0]
	return t
}

// Epoch is the incarnation the trip leads to.
func (t *Trip) Epoch() *Epoch { return t.epoch }

// Add puts commands on board. Their replies may be read after [Trip.Do].
func (t *Trip) Add(cmds ...redis.Cmder) { t.cmds = append(t.cmds, cmds...) }

// Do sends what is on board and not sent yet. Once it has failed it keeps
// failing, since the replies of that trip will never count. It returns
// [ErrUnavailable] or [ErrLapsed].
func (t *Trip) Do(ctx context.Context) error {
	if t.err == nil && len(t.cmds) > 0 {
		t.err = t.epoch.Do(ctx, t.cmds...)
		t.cmds = t.cmds[:0]
		if t.keeper != nil && errors.Is(t.err, ErrLapsed) && t.keeper.graced(t.epoch) {
			t.err, t.graced = nil, true
		}
	}
	return t.err
}

// Graced tells that a reply counted only since the database was away, and
// [Config].Grace has it so. Nothing but an answer to a reader may follow from it.
func (t *Trip) Graced() bool { return t.graced }

type tripKey struct{}

// WithTrip lets code further down the request join the trip.
func WithTrip(ctx context.Context, t *Trip) context.Context {
	return context.WithValue(ctx, tripKey{}, t)
}

// TripFrom is the request's trip, or nil.
func TripFrom(ctx context.Context) *Trip {
	t, _ := ctx.Value(tripKey{}).(*Trip)
	return t
}
