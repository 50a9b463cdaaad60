// Package epoch binds a process to one incarnation of its region's Redis, and to
// one of each other region's that it writes to.
//
// A Redis that was restarted, restored from a dump, failed over or split in two
// may have forgotten a write marker or remember a revoked token. It cannot be
// told from its keys, but it has another identity: run id and replication id.
// The database holds, per region, the identity that counts and a number that
// grows with each change, the epoch. Every process leases that row for a
// moment; every connection is checked to lead to that identity when it is made.
//
// The promise: a reply for which [Epoch.Held] returned nil came from the one
// incarnation that every process of the region uses at that moment, and any
// later incarnation starts to serve only after that. It rests on a clock rate
// that is bounded over one lease, on database clocks within its offset limit,
// and on servers that close their clients' connections when they are demoted,
// as Sentinel and managed services do.
//
// Several regions share a database, each with a Redis of its own that only its
// own instances declare current and open; see [Regions].
package epoch

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/fault"
)

// The faults of this package. Each is a 503: what is not known is not served.
var (
	ErrNotReady    = fault.New(fault.Unavailable, "epoch_not_ready", "the token store and cache are not ready").After(time.Second)
	ErrLapsed      = fault.New(fault.Unavailable, "epoch_lapsed", "the token store and cache changed during the request").After(time.Second)
	ErrUnavailable = fault.New(fault.Unavailable, "redis_unavailable", "the token store cannot be reached").After(time.Second)
)

// ErrUnknownRegion is why nothing is done that must be done in every region, or in
// one that this process does not know: what is left out there would be served on.
var ErrUnknownRegion = errors.New("REDIS_PEERS does not name a region that uses this database")

// Epoch is one incarnation of Redis as this process knows it. It is safe for
// concurrent use and stays usable, though not held, after it has passed.
type Epoch struct {
	region   string
	number   int64
	identity string
	client   *redis.Client
	held     func(*Epoch) bool
	until    atomic.Int64             // end of the lease, nanoseconds on the keeper's clock
	grace    atomic.Int64             // the same of the lease's grace
	others   atomic.Pointer[[]string] // the other regions, known as long as the lease lasts
}

// Region is whose Redis it is.
func (e *Epoch) Region() string { return e.region }

// Number is the epoch's place in the order of incarnations. Cache keys carry
// it, and write statements compare it with the database's row.
func (e *Epoch) Number() int64 { return e.number }

// Redis is a client whose connections all lead to this incarnation. What it
// answers counts only if [Epoch.Held] returns nil afterwards.
func (e *Epoch) Redis() *redis.Client { return e.client }

// Held tells whether the lease still covers this epoch. Call it after a reply
// has arrived and before anything is concluded from it. It returns [ErrLapsed].
// model: epoch.pml, HELD
func (e *Epoch) Held() error {
	if !e.held(e) {
		return ErrLapsed
	}
	return nil
}

// Do sends all commands in one round trip, waits for the replies and confirms
// the lease. A missing key is no error of Do. It returns [ErrUnavailable] or
// [ErrLapsed]; then no reply may be used.
func (e *Epoch) Do(ctx context.Context, cmds ...redis.Cmder) error {
	if err := e.send(ctx, cmds); err != nil {
		return Unavailable(err)
	}
	return e.Held()
}

func (e *Epoch) send(ctx context.Context, cmds []redis.Cmder) error {
	if len(cmds) == 1 {
		return ignoreNil(e.client.Process(ctx, cmds[0]))
	}
	pipe := e.client.Pipeline()
	if err := pipe.BatchProcess(ctx, cmds...); err != nil {
		return err
	}
	_, first := pipe.Exec(ctx) // the first error, which may be a Nil before another
	if first == nil {
		return nil
	}
	for _, cmd := range cmds {
		if err := ignoreNil(cmd.Err()); err != nil {
			return err
		}
	}
	return ignoreNil(first)
}

func ignoreNil(err error) error {
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}

// Unavailable classifies an error of the Redis client: whatever went wrong, the
// answer is not known. Faults pass unchanged.
func Unavailable(err error) error {
	var f *fault.Error
	if err == nil || errors.As(err, &f) {
		return err
	}
	return ErrUnavailable.Because(err)
}
