package epoch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"tandem.example/pkg/fault"
)

// sighting is when an epoch that is not open was first read. The wait before it
// may be opened counts from here, which is after the change was committed.
type sighting struct {
	epoch int64
	at    time.Duration
}

// renew takes the lease once more, or finds out why it cannot. It returns the
// incarnation that this process is bound to from now on.
func (k *Keeper) renew(ctx context.Context, bound *incarnation) *incarnation {
	short, cancel := context.WithTimeout(ctx, renewWithin)
	defer cancel()
	sent := k.now() // the lease counts from before the row was asked for
	bound, fresh, err := k.bind(short, bound)
	k.mu.Lock()
	k.redis = err
	k.mu.Unlock()
	if err != nil {
		k.note(err)
		return bound
	}
	row, err := k.cfg.Store.Get(short, k.cfg.Region) // model: epoch.pml, ASK
	switch {
	case err != nil:
		k.grace(ctx, bound, sent, err)
	case row.Identity != bound.identity && !fresh:
		// The address may lead to the right server by now.
		err = k.unbind(bound, row)
		bound = nil
	case row.Identity != bound.identity && k.cfg.Peer:
		k.current.Store(nil)
		err = ErrNotReady.Because(fmt.Errorf("redis of %s is another server than in its epoch %d", k.cfg.Region, row.Epoch))
	case row.Identity != bound.identity:
		err = k.advance(short, bound, row)
	case !row.Ready:
		k.current.Store(nil)
		err = k.open(ctx, bound, row)
	default:
		k.hold(bound, row, sent)
	}
	k.note(err)
	return bound
}

// bind confirms that the bound server still is what it was, or binds to the one
// that the address leads to now; then it is fresh.
func (k *Keeper) bind(ctx context.Context, bound *incarnation) (_ *incarnation, fresh bool, err error) {
	if bound != nil {
		err := bound.confirm(ctx)
		if err == nil {
			return bound, false, nil
		}
		if !errors.Is(err, errReplaced) {
			return bound, false, ErrUnavailable.Because(err)
		}
		k.current.Store(nil)
		bound.close()
	}
	next, err := connect(ctx, k.cfg.Options, k.cfg.Tracing, k.poke)
	if err != nil {
		return nil, false, ErrUnavailable.Because(err)
	}
	return next, true, nil
}

// unbind gives up a server that others have moved away from.
func (k *Keeper) unbind(bound *incarnation, row Row) error {
	k.current.Store(nil)
	bound.close()
	k.poke()
	return ErrNotReady.Because(fmt.Errorf("epoch %d is on another server", row.Epoch))
}

// advance proposes the bound server as the next incarnation; the next renewal
// sees who won.
// model: epoch.pml, ADVANCE
func (k *Keeper) advance(ctx context.Context, bound *incarnation, row Row) error {
	k.current.Store(nil)
	peers := k.cfg.Peers
	if k.cfg.Recover == nil {
		peers = nil // a region among others is entered by who can open it at once: they wait for it
	}
	won, err := k.cfg.Store.Advance(ctx, k.cfg.Region, row.Epoch, bound.identity, peers)
	if err != nil {
		return err
	}
	if won {
		k.metrics.advances.Inc()
		k.poke()
	}
	return ErrNotReady.Because(fmt.Errorf("redis is another server than in epoch %d", row.Epoch))
}

// open makes a new epoch serve: when every lease on the one before has ended,
// and the tokens revoked meanwhile are gone from this server. The first epoch of
// the first region has none before it. That of another waits, too: for the leases
// of those who do not know yet that there is such a region.
// model: epoch.pml and enter.pml, OPEN
func (k *Keeper) open(ctx context.Context, bound *incarnation, row Row) error {
	if k.cfg.Recover == nil {
		return ErrNotReady.Because(fmt.Errorf("epoch %d waits for auth to open it", row.Epoch))
	}
	if k.seen.epoch != row.Epoch { // those in a grace hear of it before the wait begins
		if err := bound.announce(ctx, k.cfg.Region, row.Epoch); err != nil {
			return ErrUnavailable.Because(err)
		}
		k.seen = sighting{row.Epoch, k.now()}
	}
	if (row.Epoch > 1 || len(row.Others) > 0) && k.now() < k.seen.at+leaseFor+clockOffset {
		return ErrNotReady.Because(fmt.Errorf("epoch %d waits for the leases before it", row.Epoch))
	}
	long, cancel := context.WithTimeout(ctx, recoverWithin)
	defer cancel()
	if err := k.cfg.Recover(long, bound.epoch(k.cfg.Region, row.Epoch, k.held)); err != nil {
		return ErrNotReady.Because(fmt.Errorf("recover epoch %d: %w", row.Epoch, err))
	}
	short, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	if err := k.cfg.Store.MarkReady(short, k.cfg.Region, row.Epoch); err != nil {
		return err
	}
	k.poke()
	return ErrNotReady.Because(fmt.Errorf("epoch %d was just opened", row.Epoch))
}

// grace lets the epoch held last go on answering readers for one lease more, if
// it is only the database that cannot be asked and Redis knows of no later one.
// Since each renewal that finds it so grants no more than that, a process that
// slept has no grace either before it has looked again.
func (k *Keeper) grace(ctx context.Context, bound *incarnation, sent time.Duration, why error) {
	e := k.current.Load()
	if k.cfg.Grace == 0 || e == nil || e.identity != bound.identity || fault.KindOf(why) != fault.Unavailable {
		return
	}
	if latest, err := bound.announced(ctx, k.cfg.Region); err != nil || latest > e.number {
		return
	}
	last := time.Duration(e.until.Load()) + k.cfg.Grace
	e.grace.Store(int64(min(sent+leaseFor, last)))
}

// hold extends the lease on the epoch, which may be new to this process.
// model: epoch.pml, HOLD
func (k *Keeper) hold(bound *incarnation, row Row, sent time.Duration) {
	e := k.current.Load()
	if e == nil || e.number != row.Epoch {
		e = bound.epoch(k.cfg.Region, row.Epoch, k.held)
		k.metrics.changes.Inc()
		k.cfg.Log.Info("epoch held", zap.Int64("epoch", row.Epoch), zap.String("identity", bound.identity))
	}
	e.others.Store(&row.Others) // first: the lease vouches for it
	k.complain(row.Others)
	e.until.Store(int64(sent + leaseFor))
	k.current.Store(e)
	k.metrics.number.Set(float64(row.Epoch))
}
