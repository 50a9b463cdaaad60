package resources

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tandem.example/pkg/coherent"
)

// The bounds of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 100
)

// Query is one page of a tenant's resources, oldest first.
type Query struct {
	Tenant string
	Type   Type // empty: every type
	After  ID   // the last id of the page before
	Limit  int
}

// page is a page as it is sent.
type page struct {
	Items      []jsontext.Value `json:"items"`
	NextCursor *string          `json:"next_cursor"`
}

// List reads a page, encoded as it is sent, from the cache unless fresh is asked
// for.
func (g *Registry) List(ctx context.Context, q Query, fresh bool) (coherent.Entry, coherent.Source, error) {
	load := func(ctx context.Context) (coherent.Entry, error) {
		return g.page(ctx, q)
	}
	list := coherent.List{Scope: scope(q.Tenant, q.Type), Query: fmt.Sprintf("limit=%d&after=%s", q.Limit, q.After)}
	switch {
	case fresh:
		return g.cache.FreshList(ctx, load)
	case g.homes.away(q.Tenant):
		return g.cache.ReadListAway(ctx, list, load)
	default:
		return g.cache.ReadList(ctx, list, load)
	}
}

func (g *Registry) page(ctx context.Context, q Query) (coherent.Entry, error) {
	limit := q.Limit
	q.Limit++ // one more tells whether there is a next page
	found, err := g.store.List(ctx, q)
	if err != nil {
		return coherent.Entry{}, err
	}
	if len(found) > 0 {
		g.homes.learn(q.Tenant, found[0].home)
	}
	// An empty page does not tell the home. Where there is none, the first write may
	// be in any region, and would not end a page that was stored in this one.
	home, err := g.homes.of(ctx, q.Tenant)
	if err != nil {
		return coherent.Entry{}, err
	}
	out := page{Items: make([]jsontext.Value, 0, limit)}
	if len(found) > limit {
		found = found[:limit]
		next := q.cursor(found[limit-1].ID)
		out.NextCursor = &next
	}
	for _, r := range found {
		entry, err := r.Entry()
		if err != nil {
			return coherent.Entry{}, err
		}
		out.Items = append(out.Items, entry.Body)
	}
	body, err := json.Marshal(out)
	return coherent.Entry{Body: body, Elsewhere: home != g.homes.own}, err
}

// position is what a cursor holds. It names the list, so that a cursor that is
// used for another is refused instead of skipping items silently.
type position struct {
	Type  Type `json:"t,omitempty"`
	After ID   `json:"a"`
}

func (q Query) cursor(last ID) string {
	raw, err := json.Marshal(position{q.Type, last})
	if err != nil {
		panic(err) // two strings always encode
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// At moves the query behind a cursor. It returns [ErrInvalidCursor].
func (q Query) At(cursor string) (Query, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return Query{}, ErrInvalidCursor.Because(err)
	}
	var p position
	if err := json.Unmarshal(raw, &p, json.RejectUnknownMembers(true)); err != nil {
		return Query{}, ErrInvalidCursor.Because(err)
	}
	if p.Type != q.Type || p.After == (ID{}) {
		return Query{}, ErrInvalidCursor
	}
	q.After = p.After
	return q, nil
}
