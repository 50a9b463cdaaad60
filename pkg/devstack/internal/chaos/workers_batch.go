package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// resource is what is of interest of an answer.
type resource struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version int64  `json:"version"`
}

// thatSaw is an operation with what its answer told of the resource.
func (op itemOp) thatSaw(it resource) itemOp {
	op.version = it.Version
	if op.kind == read {
		op.value = it.Name
	}
	return op
}

// request is the operation as it is sent.
func (op itemOp) request(id string) writeRequest {
	q := writeRequest{kind: op.kind.String(), method: http.MethodGet, path: "/" + id}
	switch op.kind {
	case put:
		q.method, q.body = http.MethodPut, fmt.Sprintf(`{"name":%q}`, op.value)
	case patch:
		q.method, q.body = http.MethodPatch, fmt.Sprintf(`{"name":%q}`, op.value)
		q.header = []string{"Content-Type", "application/merge-patch+json", "If-Match", fmt.Sprintf(`"%d"`, op.match)}
	case remove:
		q.method = http.MethodDelete
	case read:
		if op.fresh {
			q.kind, q.header = "read, no-cache", []string{"Cache-Control", "no-cache"}
		}
	case create:
	}
	return q
}

// key is the operation's own.
func (op itemOp) key() string { return op.kind.String() + "-" + op.value }

// notice remembers a version, for those who name one in If-Match.
func (t *traders) notice(it resource) {
	for i := range t.slots {
		if id := t.slots[i].now.Load(); id != nil && *id == it.ID {
			t.slots[i].version.Store(it.Version)
		}
	}
}

// ids are those of the slots, so many of these at least as are wanted.
func (h *hand) ids(wanted int) (ids []string) {
	for _, n := range h.r.Perm(slots)[:min(wanted, slots)] {
		for _, id := range []*string{h.slots[n].now.Load(), h.slots[n].before.Load()} {
			if id != nil && !slices.Contains(ids, *id) {
				ids = append(ids, *id)
			}
		}
	}
	return ids
}

// page reads the list of all of them: a write of one ends what is stored of it. Those
// that were made before, and are not on a page that is the last, are not there.
func (h *hand) page(ctx context.Context, via int) int {
	ids := h.ids(slots)
	got := h.targets.send(ctx, h.asker, via, http.MethodGet, "?limit=100&type="+itemType, h.token, "")
	h.asker.tally.count("list of what changes", got, got.outcome())
	var page struct {
		Items []resource `json:"items"`
		Next  *string    `json:"next_cursor"`
	}
	if got.outcome() != done {
		return got.status
	}
	op := itemOp{span: got.span, client: h.client, kind: read, verdict: done}
	op.via = h.targets[via].name + " list " + strings.TrimPrefix(got.cache, "tandem; ")
	if json.Unmarshal(got.body, &page) != nil && len(ids) > 0 {
		h.log.add(ids[0], op.thatSaw(resource{})) // no version that there ever was
		return got.status
	}
	on := map[string]bool{}
	for _, it := range page.Items {
		on[it.ID] = true
		if slices.Contains(ids, it.ID) {
			h.log.add(it.ID, op.thatSaw(it))
		}
	}
	op.verdict = absent
	for _, id := range ids {
		if !on[id] && page.Next == nil {
			h.log.add(id, op)
		}
	}
	return got.status
}

// batch reads several resources at once. Each of them is read at some moment
// within the request, no two necessarily at the same.
func (h *hand) batch(ctx context.Context, via int) int {
	ids := h.ids(2 + h.r.IntN(4))
	if len(ids) == 0 {
		return http.StatusOK
	}
	ask, _ := json.Marshal(map[string][]string{"ids": ids}) // strings can be encoded
	got := h.targets.send(ctx, h.asker, via, http.MethodPost, "/batch-get", h.token, string(ask))
	h.asker.tally.count("batch-get", got, got.outcome())
	var page struct {
		Items    []resource `json:"items"`
		NotFound []string   `json:"not_found"`
	}
	if got.outcome() != done {
		return got.status
	}
	op := itemOp{span: got.span, client: h.client, kind: read, verdict: done}
	op.via = h.targets[via].name + " batch " + strings.TrimPrefix(got.cache, "tandem; ")
	if json.Unmarshal(got.body, &page) != nil || len(page.Items)+len(page.NotFound) != len(ids) {
		h.log.add(ids[0], op.thatSaw(resource{})) // no version that there ever was
	}
	for _, it := range page.Items {
		h.log.add(it.ID, op.thatSaw(it))
	}
	op.verdict = absent
	for _, id := range page.NotFound {
		h.log.add(id, op)
	}
	return got.status
}
