package chaos

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	groupLife = 1500 // operations after which another user's resources are used
	groupSize = 12   // so many are in a list, about
)

// group is all resources of one user, of two types.
type group struct {
	*user
	used atomic.Int64
	mu   sync.Mutex // guards ids
	ids  []resource // that may be deleted
}

// joiners make resources, delete them, and list them by type or all.
type joiners struct {
	office  *office
	targets targets
	log     *log[memberOp]
	names   atomic.Int64

	mu  sync.Mutex // guards now; held while the next is made
	now *group
}

// next gives the group of the moment, and nil when ctx ends.
func (j *joiners) next(ctx context.Context) *group {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.now == nil || j.now.used.Load() > groupLife {
		u := j.office.new(ctx)
		if u == nil {
			return nil
		}
		j.now = &group{user: u}
	}
	return j.now
}

func (j *joiners) work(ctx context.Context, client int, r *rand.Rand) {
	var g *group
	token := ""
	for ctx.Err() == nil {
		if g == nil || g.used.Add(1) > groupLife {
			if g = j.next(ctx); g == nil {
				return
			}
			token = g.get(ctx, "")
		}
		op := memberOp{client: client, kind: read, of: [...]string{"", "left", "right"}[r.IntN(3)]}
		if r.IntN(100) < 12 {
			op.kind, op.of = create, [...]string{"left", "right"}[r.IntN(2)]
			if r.IntN(2*groupSize) < g.size() {
				op.kind = remove
			}
		}
		status := j.one(ctx, g, j.targets.any(r, g.asker.clock), token, op)
		switch {
		case status == http.StatusUnauthorized:
			token = g.get(ctx, token)
		case status == 0 || status >= http.StatusInternalServerError:
			pause(ctx, backOff)
		}
	}
}

func (j *joiners) one(ctx context.Context, g *group, via int, token string, op memberOp) int {
	var got answer
	send := func(method, path, body string) answer {
		return j.targets.send(ctx, g.asker, via, method, path, token, body)
	}
	switch op.kind {
	case create:
		op.name = fmt.Sprintf("m%d", j.names.Add(1))
		got = send(http.MethodPost, "", fmt.Sprintf(`{"type":%q,"name":%q}`, op.of, op.name))
		var made resource
		if got.outcome() == done && json.Unmarshal(got.body, &made) == nil {
			made.Type = op.of
			g.add(made)
		}
	case remove:
		it, ok := g.take()
		if !ok {
			return http.StatusOK
		}
		op.name, op.of = it.Name, it.Type
		got = send(http.MethodDelete, "/"+it.ID, "")
		if got.outcome() == nothing {
			g.add(it)
		}
	case read, put, patch:
		query := "?limit=100"
		if op.of != "" {
			query += "&type=" + op.of
		}
		got = send(http.MethodGet, query, "")
	}
	op.span, op.verdict = got.span, got.outcome()
	op.via = j.targets[via].name + " " + strings.TrimPrefix(got.cache, "tandem; ")
	kind := op.kind.String()
	if op.kind == read {
		if kind = "list"; op.of != "" {
			kind = "list of a type"
		}
		if op.verdict == done {
			op.names = namesOf(got.body)
		}
	}
	g.asker.tally.count(kind, got, op.verdict)
	j.keep(g, op)
	return got.status
}

// keep writes an operation down for the list of its type, and for that of all.
func (j *joiners) keep(g *group, op memberOp) {
	if op.verdict == nothing || op.kind == read && op.verdict != done {
		return
	}
	j.log.add(g.id+" "+op.of, op)
	if op.kind != read {
		j.log.add(g.id+" ", op)
	}
}

// namesOf is a list as the model's state is written.
func namesOf(body []byte) string {
	var page struct {
		Items []resource `json:"items"`
	}
	if json.Unmarshal(body, &page) != nil {
		return "unreadable "
	}
	slices.SortFunc(page.Items, func(a, b resource) int { return cmp.Compare(a.Name, b.Name) })
	var b strings.Builder
	for _, it := range page.Items {
		b.WriteString(it.Name + " ")
	}
	return b.String()
}

func (g *group) size() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.ids)
}

func (g *group) add(it resource) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ids = append(g.ids, it)
}

func (g *group) take() (it resource, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.ids) == 0 {
		return it, false
	}
	it, g.ids = g.ids[0], g.ids[1:]
	return it, true
}
