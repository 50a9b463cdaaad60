// Package idempotency makes it safe to send a write again: requests with the same
// Idempotency-Key take effect once and get the same answer.
//
// The key is a column of the row by which a write is decided, unique among all,
// and is inserted by the statement that makes the change. So there is a key if
// and only if there is a change, whatever crashed where; of several requests that
// race, the index lets one through and the others wait for it. A write that was
// refused or decided against leaves no key, and is judged anew.
//
// Keys are a principal's own and hold for a day; then a request with the same key
// is another one.
package idempotency

import (
	"context"
	"errors"
	"time"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/fault"
)

// The faults of this package.
var (
	ErrReused = fault.New(fault.Unprocessable, "idempotency_key_reused",
		"the key was used for a request that asked for something else")
	ErrInFlight = fault.New(fault.Conflict, "idempotency_in_flight",
		"a request with this key is still being carried out").After(time.Second)
)

// patience is how long a request waits for another with the same key.
const patience = 2 * time.Second

// Answer is what a write left for those who ask again.
type Answer struct {
	Content []byte // as the writer left it
	Version int64
	At      time.Time // when it took effect
}

// Store is where the answers are.
type Store interface {
	// Find returns nil if there is none that is younger than a day, and then the
	// key is free. It returns [ErrReused].
	Find(ctx context.Context, r Request) (*Answer, error)
}

// Flights tells which requests are being carried out by any process of the region.
// That is only a hint: the database decides.
type Flights interface {
	// Begin tells whether no other request with the key is. The flight has an end.
	Begin(ctx context.Context, r Request) (first bool, end func())
}

// Once is safe for concurrent use.
type Once struct {
	store   Store
	flights Flights
}

// NewOnce makes a Once.
func NewOnce(store Store, flights Flights) *Once { return &Once{store, flights} }

// Do runs write, unless that took effect before for a request with the same key:
// then it returns what that one left. The error is write's own, or [ErrReused],
// or [ErrInFlight] when another request was under way for as long as this waits.
// Of requests without a key it knows nothing, and they cost nothing.
//
// The statement of write inserts the request's Key and Asked, and what fails it
// goes through [Once.Clash].
func (o *Once) Do(ctx context.Context, r Request, write func(context.Context) error) (*Answer, error) {
	if !r.Keyed() {
		return nil, write(ctx)
	}
	// First of all, since the change that this asks for may be the very reason why
	// it would be refused now.
	if before, err := o.store.Find(ctx, r); before != nil || err != nil {
		return before, err
	}
	first, end := o.flights.Begin(ctx, r)
	defer end()
	waiting, cancel := ctx, func() {}
	if !first {
		waiting, cancel = context.WithTimeout(ctx, patience)
	}
	defer cancel()
	err := write(waiting)
	switch {
	case err == nil:
		return nil, nil
	case !unclear(err): // it was refused, and by now that may be for what another one did
	case waiting.Err() != nil && ctx.Err() == nil && !errors.Is(err, crdb.ErrAmbiguous):
		err = ErrInFlight.Because(err) // unless that one has ended at this moment
	default:
		return nil, err
	}
	if before, failed := o.store.Find(ctx, r); before != nil || failed != nil {
		return before, failed
	}
	return nil, err
}

// unclear tells a failure that says nothing of the request.
func unclear(err error) bool {
	kind := fault.KindOf(err)
	return kind == fault.Unavailable || kind == fault.Internal
}

// Clash is what a write's statement failed with, made clear: a key that is there
// already violates uniqueness as an operation's id does, and not every database
// says which it was. It returns [ErrInFlight] for a key, which [Once.Do] turns
// into the answer, and otherwise err.
func (o *Once) Clash(ctx context.Context, r Request, err error) error {
	if !r.Keyed() || !crdb.IsUnique(err) {
		return err
	}
	before, failed := o.store.Find(ctx, r)
	switch {
	case failed != nil:
		return failed
	case before != nil:
		return ErrInFlight // and not because of err, by which it would be known as the other clash
	default:
		return err
	}
}
