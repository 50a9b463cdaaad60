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
		c.resolve(ctx, e, cell, id)
	})
	if !begun {
		c.resolving.Delete(marker)
	}
}

func (c *Cache) resolve(ctx context.Context, e *epoch.Epoch, cell Cell, id uuid.UUID) {
	outcome, err := c.cfg.Arbiter.Decide(ctx, id) // model: core.pml, DECIDE
	if err == nil {                               // model: core.pml, RESOLVE
		err = c.codec.unmark(ctx, e, []Cell{cell}, id.String(), "", Entry{Version: outcome.Version})
	}
	c.metrics.resolved(outcome, err)
	if err != nil {
		c.cfg.Log.Warn("marker not resolved", zap.Stringer("operation", id), zap.Error(err))
	}
}
