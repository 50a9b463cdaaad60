package coherent

import (
	"context"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"tandem.example/pkg/epoch"
)

// resolveBehind settles an overdue marker, once at a time. The read that met it
// does not wait, and leaves it to a later one if there is no room.
func (c *Cache) resolveBehind(ctx context.Context, e *epoch.Epoch, cell Cell, token string) {
	id, err := uuid.Parse(token)
	if err != nil {
		c.cfg.Log.Error("marker with a malformed token", zap.String("cell", string(cell)))
		return
	}
	marker := token + string(cell)
	if _, busy := c.resolving.LoadOrStore(marker, struct{}{}); busy {
		return
	}
	begun := c.goBehind(ctx, resolveFor, func(ctx context.Context) {
		defer c.resolving.Delete(marker)
		if err := c.resolve(ctx, e, []Cell{cell}, id, c.decide); err != nil {
			c.cfg.Log.Warn("marker not resolved", zap.Stringer("operation", id), zap.Error(err))
		}
	})
	if !begun {
		c.resolving.Delete(marker)
	}
}

type decide func(context.Context, uuid.UUID) (Outcome, error)

// resolve takes a marker off cells once it is known which way its write went.
func (c *Cache) resolve(ctx context.Context, e *epoch.Epoch, cells []Cell, id uuid.UUID, ask decide) error {
	outcome, err := ask(ctx, id) // model: core.pml, DECIDE
	if err == nil {              // model: core.pml, RESOLVE
		err = c.codec.unmark(ctx, e, cells, id.String(), "", Entry{Version: outcome.Version})
	}
	c.metrics.resolved(outcome, err)
	return err
}

// decide asks once for all readers that meet a token at the same time, each on
// another cell. What it hears is final, so it may be shared.
func (c *Cache) decide(ctx context.Context, id uuid.UUID) (Outcome, error) {
	got, err, _ := c.deciding.Do(id.String(), func() (any, error) { return c.cfg.Arbiter.Decide(ctx, id) })
	outcome, _ := got.(Outcome)
	return outcome, err
}
