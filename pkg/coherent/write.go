package coherent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/fault"
	"tandem.example/pkg/internal/sabotage"
)

// ErrAgain is what a [Change]'s Run returns when its statement did nothing since
// what it relied on has moved on: the epoch, or a version it had read. The write
// is then tried afresh.
var ErrAgain = errors.New("what the write relied on has moved on")

// Operation identifies one attempt at a write. Its statement must, in one and
// the same statement as the change, require that redis_epoch still has Epoch in
// Region, which is the cells' home, and insert the row (ID, 'committed', version, …) into operations.
type Operation struct {
	ID     uuid.UUID
	Region string
	Epoch  int64
}

// Change is a write of one item.
type Change struct {
	// Home is the region that its cells are cached in; empty for the writer's own.
	// It never changes for a cell.
	Home string
	// Item is empty for one that is new: nobody can hold an older version of it,
	// and its first reader stores it.
	Item Cell
	// Scopes are those of every list that may come out differently.
	Scopes []Cell
	// Run executes the statement. Its error is either a fault that says why
	// nothing was written, or the driver's, which is classified here. An Entry
	// without Body leaves the cell empty.
	Run func(context.Context, Operation) (Entry, error)
	// Recall finds out what the last Run would have returned, when all that is
	// known is that it took effect at that version. Others may have written since;
	// what they wrote is not this writer's answer.
	Recall func(ctx context.Context, op Operation, version int64) (Entry, error)
}

// Cells are all that is marked.
func (c Change) Cells() []Cell {
	if c.Item == "" {
		return c.Scopes
	}
	return append([]Cell{c.Item}, c.Scopes...)
}

// Write carries a change out and returns once its outcome is known. When it is
// nil, no read that starts afterwards returns an older version. It repeats
// attempts that certainly did nothing and may yet succeed; each has an
// operation id of its own. It returns [epoch.ErrUnavailable] when the cell could
// not be marked, and then nothing was written, and [crdb.ErrAmbiguous] when
// nobody could tell.
func (c *Cache) Write(ctx context.Context, change Change) (Entry, error) {
	for attempt := 0; ; attempt++ {
		entry, err := c.attempt(ctx, change)
		if err == nil || !again(err) {
			return entry, crdb.Fault(err)
		}
		if !crdb.Pause(ctx, attempt) {
			return Entry{}, crdb.ErrContention.Because(err)
		}
	}
}

// again tells the failures after which nothing was written and a repetition may
// succeed: lost against another writer, decided by a resolver, overtaken. What
// is not known to have failed is never repeated, whatever kept it from being
// known: the arbiter may have met contention itself.
func again(err error) bool {
	if errors.Is(err, crdb.ErrAmbiguous) {
		return false
	}
	return crdb.IsContention(err) || errors.Is(err, errAborted) || errors.Is(err, ErrAgain) || errors.Is(err, epoch.ErrLapsed)
}

var errAborted = errors.New("a resolver decided against the write")

func (c *Cache) attempt(ctx context.Context, change Change) (Entry, error) {
	e, err := c.cfg.Regions.In(cmp.Or(change.Home, c.cfg.Region))
	if err != nil {
		return Entry{}, err
	}
	op := Operation{ID: newToken(), Region: e.Region(), Epoch: e.Number()}
	// model: core.pml, MARK
	if err := mark(ctx, e, change.Cells(), op.ID.String()); err != nil {
		c.unmarkBehind(ctx, e, change, op, Entry{}) // it may have arrived all the same
		return Entry{}, err
	}
	sabotage.At("marked", change.Item)
	entry, err := change.Run(ctx, op) // model: core.pml and epoch.pml, STATEMENT
	sabotage.At("written", change.Item)
	switch {
	case err == nil:
	case crdb.IsUnique(err):
		err = errAborted
	case unclear(err):
		entry, err = c.settle(ctx, change, op, err)
	}
	if errors.Is(err, crdb.ErrAmbiguous) {
		return Entry{}, err // the marker stays until somebody can tell
	}
	c.unmarkBehind(ctx, e, change, op, entry) // model: core.pml, UNMARK
	return entry, err                         // model: core.pml, ACK
}

// unclear tells that a statement may have taken effect although it failed. A
// fault of the caller's own making is clear.
func unclear(err error) bool {
	if errors.Is(err, ErrAgain) {
		return false
	}
	var f *fault.Error
	if errors.As(err, &f) && f.Kind != fault.Unavailable && f.Kind != fault.Internal {
		return false
	}
	return crdb.Ambiguous(err)
}

// settle asks the arbiter which way an unclear write went, and so decides it.
// The caller may be out of time by now; the question still is worth a moment,
// since its answer spares the readers theirs.
func (c *Cache) settle(ctx context.Context, change Change, op Operation, cause error) (Entry, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleFor)
	defer cancel()
	outcome, err := c.cfg.Arbiter.Decide(ctx, op.ID) // model: core.pml, DECIDE
	c.metrics.resolved(outcome, err)
	if err != nil {
		return Entry{}, crdb.ErrAmbiguous.Because(errors.Join(cause, err))
	}
	if !outcome.Committed() {
		return Entry{}, fmt.Errorf("%w: %w", errAborted, cause)
	}
	entry, err := change.Recall(ctx, op, outcome.Version)
	if err != nil {
		return Entry{}, crdb.ErrAmbiguous.Because(err)
	}
	return entry, nil
}

const settleFor = 3 * time.Second

// unmarkBehind removes the markers behind the answer. Until they are gone
// readers go to the database; one that is never removed here is resolved by them.
func (c *Cache) unmarkBehind(ctx context.Context, e *epoch.Epoch, change Change, op Operation, entry Entry) {
	if len(entry.Body) > c.cfg.MaxBody {
		c.metrics.filled("oversize")
		entry.Body = nil
	}
	work := func(ctx context.Context) {
		sabotage.At("unmarking", change.Item)
		if err := c.codec.unmark(ctx, e, change.Cells(), op.ID.String(), change.Item, entry); err != nil {
			c.cfg.Log.Warn("marker left behind", zap.Stringer("operation", op.ID), zap.Error(err))
		}
	}
	if !c.goBehind(ctx, unmarkFor, work) {
		within(ctx, unmarkFor, work) // writers slow down to what Redis takes
	}
}
