package resources

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"tandem.example/pkg/coherent"
	"tandem.example/services/resources/internal/idempotency"
)

// Written is what a write is answered with.
type Written struct {
	ID       ID
	Entry    coherent.Entry // without a body after a deletion
	Replayed bool           // it is the answer to an earlier request with the same key
}

// do runs write, or finds what it did when it was asked for before.
func (g *Registry) do(ctx context.Context, once idempotency.Request, write func(context.Context) (Written, error)) (Written, error) {
	var now Written
	before, err := g.once.Do(ctx, once, func(ctx context.Context) (err error) {
		now, err = write(ctx)
		return err
	})
	if err != nil || before == nil {
		return now, err
	}
	return replay(before)
}

// replay gives an answer again, which is encoded as it was the first time.
func replay(before *idempotency.Answer) (Written, error) {
	w := Written{Entry: coherent.Entry{Version: before.Version}, Replayed: true}
	if len(before.Content) == 0 {
		return w, nil
	}
	var r Resource
	err := json.Unmarshal(before.Content, &r)
	if err == nil {
		w.ID = r.ID
		w.Entry, err = r.writtenAs(before.Version, before.At).Entry()
	}
	return w, err
}

// recall gives what a write of r returned, or would have: the row may have been
// changed again or deleted since, and a client that took that for its own work
// would next overwrite it.
func (g *Registry) recall(ctx context.Context, op coherent.Operation, version int64, r Resource) (coherent.Entry, error) {
	at, err := g.store.WrittenAt(ctx, op)
	return g.wrote(r.writtenAs(version, at), err)
}

// writtenAs is r once it has a version and the time of its write, which the
// database gives it.
func (r Resource) writtenAs(version int64, at time.Time) Resource {
	r.Version, r.UpdatedAt = version, at
	if r.CreatedAt.IsZero() {
		r.CreatedAt = at
	}
	return r
}
