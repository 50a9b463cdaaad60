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
	office *office
	all    targets
	log    *log[memberOp]
	keys   *receipts
	names  atomic.Int64

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

// joiner is one client of theirs.
type joiner struct {
	*joiners
	caller
	g      *group
	client int
}

func (j *joiners) work(ctx context.Context, client int, r *rand.Rand) {
	c := joiner{joiners: j, caller: caller{targets: j.all, r: r}, client: client}
	for ctx.Err() == nil {
		if c.g == nil || c.g.used.Add(1) > groupLife {
			if c.g = j.next(ctx); c.g == nil {
				return
			}
			c.session, c.token = c.g.session, c.g.get(ctx, "")
		}
		switch status := c.turn(ctx); {
		case status == http.StatusUnauthorized:
			c.token = c.get(ctx, c.token)
		case status == 0 || status >= http.StatusInternalServerError:
			pause(ctx, backOff)
		}
	}
}

// turn does one thing.
func (c *joiner) turn(ctx context.Context) int {
	op := memberOp{client: c.client, kind: read, of: [...]string{"", "left", "right"}[c.r.IntN(3)]}
	via := c.targets.any(c.r, c.asker.clock)
	if c.r.IntN(100) >= 12 {
		return c.list(ctx, via, op)
	}
	if c.r.IntN(2*groupSize) < c.g.size() {
		return c.leave(ctx, via, op)
	}
	op.kind, op.of = create, [...]string{"left", "right"}[c.r.IntN(2)]
	return c.join(ctx, via, op)
}

func (c *joiner) join(ctx context.Context, via int, op memberOp) int {
	op.name = fmt.Sprintf("m%d", c.names.Add(1))
	c.keys.note(op.name, "")
	got, outcome, name := c.insist(ctx, via, op.name, writeRequest{
		kind: "create", method: http.MethodPost, body: fmt.Sprintf(`{"type":%q,"name":%q}`, op.of, op.name),
	})
	var made resource
	if outcome == done && json.Unmarshal(got.body, &made) == nil {
		c.keys.note(op.name, made.ID)
		c.g.add(made)
	}
	op.span, op.verdict, op.via = got.span, outcome, name
	c.keep(c.g, op)
	return got.status
}

func (c *joiner) leave(ctx context.Context, via int, op memberOp) int {
	it, ok := c.g.take()
	if !ok {
		return http.StatusOK
	}
	op.kind, op.name, op.of = remove, it.Name, it.Type
	got, outcome, name := c.insist(ctx, via, "leave-"+it.Name, writeRequest{
		kind: "delete", method: http.MethodDelete, path: "/" + it.ID,
	})
	if outcome == nothing {
		c.g.add(it)
	}
	op.span, op.verdict, op.via = got.span, outcome, name
	c.keep(c.g, op)
	return got.status
}

func (c *joiner) list(ctx context.Context, via int, op memberOp) int {
	query, kind := "?limit=100", "list"
	if op.of != "" {
		query, kind = query+"&type="+op.of, "list of a type"
	}
	to := c.targets
	got := to.send(ctx, c.asker, via, http.MethodGet, query, c.token, "")
	op.span, op.verdict = got.span, got.outcome()
	op.via = to[via].name + " " + strings.TrimPrefix(got.cache, "tandem; ")
	if op.verdict == done {
		op.names = namesOf(got.body)
	}
	c.asker.tally.count(kind, got, op.verdict)
	c.keep(c.g, op)
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
