package resources

import (
	"context"

	"tandem.example/pkg/coherent"
	"tandem.example/pkg/invalidation"
)

// Heard drops from the cache what is older than a change that was announced. What
// the event says of cached values is for others; this service knows them by the
// resource that it names.
func (g *Registry) Heard(ctx context.Context, e invalidation.Event) error {
	news := coherent.News{Token: e.ID, Version: e.Change.Version, Scopes: []coherent.Cell{
		scope(e.Change.Tenant, Type(e.Change.Type)), scope(e.Change.Tenant, ""),
	}}
	if id, err := ParseID(e.Change.ID); err == nil { // else nothing is kept under it
		news.Item = cell(e.Change.Tenant, id)
	}
	_, err := g.cache.Drop(ctx, news)
	return err
}

// Missed makes the cache distrust what only events keep right.
func (g *Registry) Missed(ctx context.Context) error { return g.cache.Begin(ctx) }
