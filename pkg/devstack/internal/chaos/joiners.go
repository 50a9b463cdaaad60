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
	groupLife = 1500 // operations after which another type is used
	groupSize = 12   // so many are in a list, about
)

// group is the resources of one type.
type group struct {
	kind string
	used atomic.Int64
	mu   sync.Mutex // guards ids
	ids  []resource // that may be deleted
}

// joiners make resources, delete them and list them.
type joiners struct {
	session *session
	targets []string
	now     atomic.Pointer[group]
	turn    atomic.Int64
	log     *log[memberOp]
	names   atomic.Int64
}

func (j *joiners) work(ctx context.Context, client int, r *rand.Rand) {
	token := j.session.get(ctx, "")
	for ctx.Err() == nil {
		g := j.now.Load()
		if g == nil || g.used.Add(1) > groupLife {
			j.now.CompareAndSwap(g, &group{kind: fmt.Sprintf("group%d", j.turn.Add(1))})
			continue
		}
		n := r.IntN(len(j.targets))
		op := memberOp{client: client, kind: read, via: fmt.Sprintf("resources-%d", n+1)}
		if r.IntN(100) < 12 {
			op.kind = create
			if r.IntN(2*groupSize) < g.size() {
				op.kind = remove
			}
		}
		status := j.one(ctx, g, j.targets[n]+"/v1/resources", token, op)
		switch {
		case status == http.StatusUnauthorized:
			token = j.session.get(ctx, token)
		case status == 0 || status >= http.StatusInternalServerError:
			pause(ctx, backOff)
		}
	}
}

func (j *joiners) one(ctx context.Context, g *group, base, token string, op memberOp) int {
	var got answer
	ask := j.session.asker
	switch op.kind {
	case create:
		op.name = fmt.Sprintf("m%d", j.names.Add(1))
		got = ask.send(ctx, http.MethodPost, base, token, fmt.Sprintf(`{"type":%q,"name":%q}`, g.kind, op.name))
		var made resource
		if got.outcome() == done && json.Unmarshal(got.body, &made) == nil {
			g.add(made)
		}
	case remove:
		it, ok := g.take()
		if !ok {
			return http.StatusOK
		}
		op.name = it.Name
		got = ask.send(ctx, http.MethodDelete, base+"/"+it.ID, token, "")
		if got.outcome() == nothing {
			g.add(it)
		}
	case read, put:
		got = ask.send(ctx, http.MethodGet, base+"?limit=100&type="+g.kind, token, "")
	}
	op.span, op.verdict = got.span, got.outcome()
	op.via += " " + strings.TrimPrefix(got.cache, "tandem; ")
	kind := op.kind.String()
	if op.kind == read {
		kind = "list"
		if op.verdict == done {
			op.names = namesOf(got.body)
		}
	}
	ask.tally.count(kind, got, op.verdict)
	if op.verdict != nothing && (op.kind != read || op.verdict == done) {
		j.log.add(g.kind, op)
	}
	return got.status
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
