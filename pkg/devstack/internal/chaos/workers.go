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
	used        atomic.Int64
	turn        sync.Mutex // held by the one who makes the next
}

// traders read and write the same few resources through every instance.
type traders struct {
	session *session
	targets []string
	slots   [slots]slot
	log     *log[itemOp]
	values  atomic.Int64
}

// resource is what is of interest of an answer.
type resource struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Version int64  `json:"version"`
}

func (t *traders) work(ctx context.Context, client int, r *rand.Rand) {
	token := t.session.get(ctx, "")
	for ctx.Err() == nil {
		s := &t.slots[min(r.IntN(slots), r.IntN(slots))] // the first ones more often
		id := s.now.Load()
		if old := s.before.Load(); id == nil || old != nil && r.IntN(20) == 0 {
			id = old
		}
		var status int
		if id == nil || s.used.Add(1) > itemLife {
			status = t.renew(ctx, client, r, s, token)
		} else {
			status = t.trade(ctx, client, r, *id, token)
		}
		switch {
		case status == http.StatusUnauthorized:
			token = t.session.get(ctx, token)
		case status == 0 || status >= http.StatusInternalServerError:
			pause(ctx, backOff)
		}
	}
}

func (t *traders) any(r *rand.Rand) (string, string) {
	n := r.IntN(len(t.targets))
	return t.targets[n] + "/v1/resources", fmt.Sprintf("resources-%d", n+1)
}

// renew deletes what is in a slot, and puts something new there.
func (t *traders) renew(ctx context.Context, client int, r *rand.Rand, s *slot, token string) int {
	if !s.turn.TryLock() {
		pause(ctx, time.Millisecond)
		return http.StatusOK
	}
	defer s.turn.Unlock()
	if id := s.now.Load(); id != nil {
		if s.used.Load() <= itemLife {
			return http.StatusOK
		}
		if status := t.one(ctx, client, r, *id, token, itemOp{kind: remove}); status != http.StatusNoContent && status != http.StatusNotFound {
			return status
		}
		s.before.Store(id)
		s.now.Store(nil)
	}
	base, name := t.any(r)
	op := itemOp{client: client, kind: create, value: t.value(), via: name}
	got := t.session.asker.send(ctx, http.MethodPost, base, token, fmt.Sprintf(`{"type":%q,"name":%q}`, itemType, op.value))
	op.span, op.verdict = got.span, got.outcome()
	t.session.asker.tally.count("create", got, op.verdict)
	var made resource
	if op.verdict == done && json.Unmarshal(got.body, &made) == nil {
		t.log.add(made.ID, op)
		s.used.Store(0)
		s.now.Store(&made.ID)
	}
	return got.status
}

func (t *traders) value() string { return fmt.Sprintf("w%d", t.values.Add(1)) }

func (t *traders) trade(ctx context.Context, client int, r *rand.Rand, id, token string) int {
	op := itemOp{kind: read}
	if r.IntN(100) < 10 {
		op = itemOp{kind: put, value: t.value()}
	}
	return t.one(ctx, client, r, id, token, op)
}

// one does one thing to one resource.
func (t *traders) one(ctx context.Context, client int, r *rand.Rand, id, token string, op itemOp) int {
	base, name := t.any(r)
	method, body := http.MethodGet, ""
	switch op.kind {
	case put:
		method, body = http.MethodPut, fmt.Sprintf(`{"name":%q}`, op.value)
	case remove:
		method = http.MethodDelete
	case create, read:
	}
	var header []string
	if op.kind == read && r.IntN(8) == 0 {
		header = []string{"Cache-Control", "no-cache"}
	}
	got := t.session.asker.send(ctx, method, base+"/"+id, token, body, header...)
	op.client, op.span, op.verdict = client, got.span, got.outcome()
	op.via = name + " " + strings.TrimPrefix(got.cache, "tandem; ")
	t.session.asker.tally.count(op.kind.String(), got, op.verdict)
	var seen resource
	if op.verdict == done && op.kind != remove {
		if json.Unmarshal(got.body, &seen) != nil {
			return 0
		}
		op.version = seen.Version
		if op.kind == read {
			op.value = seen.Name
		}
	}
	if op.verdict != nothing && (op.kind != read || op.verdict != unknown) {
		t.log.add(id, op)
	}
	return got.status
}
