package resources

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"tandem.example/pkg/coherent"
)

// MaxBatch is how many ids are read at once at most.
const MaxBatch = 100

// Batch asks for several resources.
type Batch struct {
	IDs []ID `json:"ids"`
}

// parse gives each id once, in the order in which they were asked for. It returns
// [ErrInvalidBatch].
func (b Batch) parse() ([]ID, error) {
	if len(b.IDs) == 0 || len(b.IDs) > MaxBatch {
		return nil, ErrInvalidBatch.At("/ids", fmt.Sprintf("must have from 1 to %d ids", MaxBatch))
	}
	seen := make(map[ID]bool, len(b.IDs))
	once := make([]ID, 0, len(b.IDs))
	for _, id := range b.IDs {
		if !seen[id] {
			seen[id] = true
			once = append(once, id)
		}
	}
	return once, nil
}

// GetAll reads several resources, encoded as they are sent, from the cache unless
// fresh is asked for. Its source is that of the item that was furthest away. It
// returns [ErrInvalidBatch].
func (g *Registry) GetAll(ctx context.Context, tenant string, b Batch, fresh bool) ([]byte, coherent.Source, error) {
	ids, err := b.parse()
	if err != nil {
		return nil, 0, err
	}
	cells := make([]coherent.Cell, len(ids))
	for i, id := range ids {
		cells[i] = cell(tenant, id)
	}
	read := g.cache.ReadAll
	switch {
	case fresh:
		read = g.cache.FreshAll
	case g.homes.away(tenant):
		read = g.cache.ReadAllAway
	}
	entries, sources, err := read(ctx, cells, func(ctx context.Context, wanted []int) ([]coherent.Entry, error) {
		return g.loadAll(ctx, tenant, ids, wanted)
	})
	if err != nil {
		return nil, 0, err
	}
	source := coherent.Hit
	var items [][]byte
	var missing []ID
	for i, entry := range entries {
		if entry.Body == nil {
			missing = append(missing, ids[i])
			source = max(source, coherent.Miss) // that it is not there was read from the database
			continue
		}
		items = append(items, entry.Body)
		source = max(source, sources[i])
	}
	return encodeBatch(items, missing), source, nil
}

// encodeBatch puts resources together as they were stored, unparsed.
func encodeBatch(items [][]byte, missing []ID) []byte {
	out := append([]byte(`{"items":[`), bytes.Join(items, []byte{','})...)
	out = append(out, `],"not_found":[`...)
	for i, id := range missing {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendQuote(out, id.String())
	}
	return append(out, "]}"...)
}

func (g *Registry) loadAll(ctx context.Context, tenant string, ids []ID, wanted []int) ([]coherent.Entry, error) {
	some := make([]ID, len(wanted))
	place := make(map[ID]int, len(wanted))
	for n, i := range wanted {
		some[n] = ids[i]
		place[ids[i]] = n
	}
	rows, err := g.store.GetAll(ctx, tenant, some)
	if err != nil {
		return nil, err
	}
	entries := make([]coherent.Entry, len(wanted))
	for _, r := range rows {
		if entries[place[r.ID]], err = g.homes.entry(r); err != nil {
			return nil, err
		}
	}
	return entries, nil
}
