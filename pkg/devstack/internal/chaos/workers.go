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
	shared *session
	all    targets
	slots  [slots]slot
	log    *log[itemOp]
	keys   *receipts
	values atomic.Int64
}

// hand is one client of the traders.
type hand struct {
	*traders
	caller
	client int
}

func (t *traders) hand(ctx context.Context, client int, r *rand.Rand) *hand {
	return &hand{t, caller{t.shared, t.all, r, t.shared.get(ctx, "")}, client}
}

// with is another one with the same token.
func (h *hand) with(r *rand.Rand) *hand {
	return &hand{h.traders, caller{h.session, h.targets, r, h.token}, h.client}
}

func (t *traders) value() string { return fmt.Sprintf("w%d", t.values.Add(1)) }

// work goes on until ctx ends.
func (h *hand) work(ctx context.Context) {
	for ctx.Err() == nil {
		switch status := h.turn(ctx); {
		case status == http.StatusUnauthorized:
			h.token = h.get(ctx, h.token)
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
	via := h.targets.any(h.r, h.asker.clock)
	if id == nil || s.used.Add(1) > itemLife {
		return h.renew(ctx, via, s)
	}
	op := itemOp{kind: read}
	switch chance := h.r.IntN(100); {
	case chance < 6:
		op = itemOp{kind: put, value: h.value()}
	case chance < 10:
		op = itemOp{kind: patch, value: h.value(), match: max(1, s.version.Load())}
	case chance < 18:
		return h.batch(ctx, via)
	case chance < 22:
		return h.page(ctx, via)
	case chance < 30:
		op.fresh = true
	}
	if op.kind != read && h.r.IntN(2) == 0 {
		return h.see(ctx, via, *id, op)
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
		if status := h.see(ctx, via, *id, itemOp{kind: remove, value: h.value()}); status != http.StatusNoContent && status != http.StatusNotFound {
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

// create makes a resource, and now and then asks again for what it made.
func (h *hand) create(ctx context.Context, via int) (made resource, status int) {
	op := itemOp{client: h.client, kind: create, value: h.value()}
	q := writeRequest{kind: "create", method: http.MethodPost, body: fmt.Sprintf(`{"type":%q,"name":%q}`, itemType, op.value)}
	h.keys.note(op.value, "")
	got, outcome, name := h.insist(ctx, via, op.value, q)
	op.span, op.verdict, op.via = got.span, outcome, name
	if op.verdict != done || json.Unmarshal(got.body, &made) != nil {
		return resource{}, got.status
	}
	h.keys.note(op.value, made.ID)
	h.log.add(made.ID, op)
	if h.r.IntN(2) == 0 {
		var again resource
		q.kind = "create, repeated"
		got, outcome, _ = h.insist(ctx, h.targets.any(h.r, h.asker.clock), op.value, q)
		if outcome == done && json.Unmarshal(got.body, &again) == nil {
			h.keys.note(op.value, again.ID)
		}
	}
	return made, http.StatusCreated
}

// do does one thing to one resource, once.
func (h *hand) do(ctx context.Context, via int, id string, op itemOp) int {
	q := op.request(id)
	got := h.targets.send(ctx, h.asker, via, q.method, q.path, h.token, q.body, q.header...)
	h.asker.tally.count(q.kind, got, got.outcome())
	return h.note(id, op, got, got.outcome(), h.targets[via].name)
}

// see does a write until it is known what came of it.
func (h *hand) see(ctx context.Context, via int, id string, op itemOp) int {
	got, outcome, name := h.insist(ctx, via, op.key(), op.request(id))
	return h.note(id, op, got, outcome, name)
}

// note writes down what came of an operation.
func (h *hand) note(id string, op itemOp, got answer, outcome verdict, name string) int {
	op.client, op.span, op.verdict = h.client, got.span, outcome
	op.via = name + " " + strings.TrimPrefix(got.cache, "tandem; ")
	if op.verdict == done && op.kind != remove {
		var seen resource
		_ = json.Unmarshal(got.body, &seen) // what cannot be read is no version that there ever was
		op = op.thatSaw(seen)
		h.notice(seen)
	}
	if op.verdict != nothing && (op.kind != read || op.verdict != unknown) {
		h.log.add(id, op)
	}
	return got.status
}
