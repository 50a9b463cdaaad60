package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	slots    = 10
	itemType = "chaos"
	itemLife = 1200 // operations after which a resource makes room for the next
	backOff  = 30 * time.Millisecond
)

// slot is a place at which there is one resource after another, so that no
// history grows too long to be judged.
type slot struct {
	now, before atomic.Pointer[string] // ids
	version     atomic.Int64           // of now, as it was last seen
	used        atomic.Int64
	turn        sync.Mutex // held by the one who makes the next
}

// traders read and write the same few resources through every instance.
type traders struct {
	session *session
	targets targets
	slots   [slots]slot
	log     *log[itemOp]
	values  atomic.Int64
}

// hand is one client of the traders.
type hand struct {
	*traders
	client int
	r      *rand.Rand
	token  string
}

func (t *traders) hand(ctx context.Context, client int, r *rand.Rand) *hand {
	return &hand{t, client, r, t.session.get(ctx, "")}
}

// with is another one with the same token.
func (h *hand) with(r *rand.Rand) *hand { return &hand{h.traders, h.client, r, h.token} }

func (t *traders) value() string { return fmt.Sprintf("w%d", t.values.Add(1)) }

// work goes on until ctx ends.
func (h *hand) work(ctx context.Context) {
	for ctx.Err() == nil {
		switch status := h.turn(ctx); {
		case status == http.StatusUnauthorized:
			h.token = h.session.get(ctx, h.token)
		case status == 0 || status >= http.StatusInternalServerError:
			pause(ctx, backOff)
		}
	}
}

// turn does one thing.
func (h *hand) turn(ctx context.Context) int {
	s := &h.slots[min(h.r.IntN(slots), h.r.IntN(slots))] // the first ones more often
	id := s.now.Load()
	if old := s.before.Load(); id == nil || old != nil && h.r.IntN(20) == 0 {
		id = old
	}
	via := h.targets.any(h.r, h.session.asker.clock)
	if id == nil || s.used.Add(1) > itemLife {
		return h.renew(ctx, via, s)
	}
	op := itemOp{kind: read}
	switch chance := h.r.IntN(100); {
	case chance < 6:
		op = itemOp{kind: put, value: h.value()}
	case chance < 10:
		op = itemOp{kind: patch, value: h.value(), match: max(1, s.version.Load())}
	case chance < 20:
		return h.batch(ctx, via)
	case chance < 30:
		op.fresh = true
	}
	return h.do(ctx, via, *id, op)
}

// renew deletes what is in a slot, and puts something new there.
func (h *hand) renew(ctx context.Context, via int, s *slot) int {
	if !s.turn.TryLock() {
		pause(ctx, time.Millisecond)
		return http.StatusOK
	}
	defer s.turn.Unlock()
	if id := s.now.Load(); id != nil {
		if s.used.Load() <= itemLife {
			return http.StatusOK
		}
		if status := h.do(ctx, via, *id, itemOp{kind: remove}); status != http.StatusNoContent && status != http.StatusNotFound {
			return status
		}
		s.before.Store(id)
		s.now.Store(nil)
	}
	made, status := h.create(ctx, via)
	if status == http.StatusCreated {
		s.used.Store(0)
		s.version.Store(made.Version)
		s.now.Store(&made.ID)
	}
	return status
}

func (h *hand) create(ctx context.Context, via int) (made resource, status int) {
	op := itemOp{client: h.client, kind: create, value: h.value(), via: h.targets[via].name}
	got := h.targets.send(ctx, h.session.asker, via, http.MethodPost, "", h.token,
		fmt.Sprintf(`{"type":%q,"name":%q}`, itemType, op.value))
	op.span, op.verdict = got.span, got.outcome()
	h.session.asker.tally.count("create", got, op.verdict)
	if op.verdict != done {
		return made, got.status
	}
	if json.Unmarshal(got.body, &made) != nil {
		return made, 0
	}
	h.log.add(made.ID, op)
	return made, got.status
}

// do does one thing to one resource.
func (h *hand) do(ctx context.Context, via int, id string, op itemOp) int {
	method, body := http.MethodGet, ""
	var header []string
	switch op.kind {
	case put:
		method, body = http.MethodPut, fmt.Sprintf(`{"name":%q}`, op.value)
	case patch:
		method, body = http.MethodPatch, fmt.Sprintf(`{"name":%q}`, op.value)
		header = []string{"Content-Type", "application/merge-patch+json", "If-Match", fmt.Sprintf(`"%d"`, op.match)}
	case remove:
		method = http.MethodDelete
	case read:
		if op.fresh {
			header = []string{"Cache-Control", "no-cache"}
		}
	case create:
	}
	got := h.targets.send(ctx, h.session.asker, via, method, "/"+id, h.token, body, header...)
	op.client, op.span, op.verdict = h.client, got.span, got.outcome()
	op.via = h.targets[via].name + " " + strings.TrimPrefix(got.cache, "tandem; ")
	name := op.kind.String()
	if op.fresh {
		name = "read, no-cache"
	}
	h.session.asker.tally.count(name, got, op.verdict)
	if op.verdict == done && op.kind != remove {
		var seen resource
		if json.Unmarshal(got.body, &seen) != nil {
			return 0
		}
		op = op.thatSaw(seen)
		h.notice(seen)
	}
	if op.verdict != nothing && (op.kind != read || op.verdict != unknown) {
		h.log.add(id, op)
	}
	return got.status
}
