package app_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/pkg/devstack"
)

// lossOf is a way to lose Redis, and what may be lost with it.
type lossOf struct {
	options devstack.Options
	// prepare comes before anything is revoked, and gives what comes after the
	// death of the server that is in use then.
	prepare func(s *service) (revive func())
	// Whether sessions live on that nobody has revoked: those that began before
	// prepare, and those that began after it.
	early, late bool
}

var losses = map[string]lossOf{
	"Redis is killed and comes back with its data": {
		options: devstack.Options{OwnRedis: true, RedisPersists: true}, prepare: (*service).restart, early: true, late: true,
	},
	"Redis is killed and comes back empty": {
		options: devstack.Options{OwnRedis: true}, prepare: (*service).restart,
	},
	"Redis comes back from an old dump": {
		options: devstack.Options{OwnRedis: true}, prepare: (*service).dump, early: true,
	},
	"a replica that has missed it is promoted": {
		options: devstack.Options{OwnRedis: true}, prepare: (*service).replicate, early: true,
	},
}

// Whatever becomes of Redis, and whenever, nothing that was acknowledged to be
// revoked is accepted, by any instance, at any moment after that.
func TestNoRevokedTokenIsAccepted(t *testing.T) {
	t.Parallel()
	for name, loss := range losses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, loss.options)
			other := run(t, s.stack, s.env)
			other.awaitReady()
			// Other tests hold the answers to the document: these are too many.
			s.client, other.client = s.operator, other.operator
			c := s.gather()
			early := s.enterMany(bystanders, demoClient)
			revive := loss.prepare(s)
			late := s.enterMany(bystanders, demoClient)

			watching, stop := context.WithCancel(t.Context())
			var watch, work sync.WaitGroup
			watch.Go(func() { other.watch(watching, c, early, loss.early) })
			work.Go(func() { s.carryOut(c) })
			s.await("nobody revokes", func() bool { return len(c.over()) >= len(c.orders)/2 })
			if err := s.stack.Kill("redis"); err != nil {
				t.Fatal(err)
			}
			revive()
			s.awaitEpoch(2)
			other.awaitEpoch(2)
			work.Wait()
			stop()
			watch.Wait()

			accepted, ended := other.accepts(c)
			t.Logf("%d revocations of %d sessions and tokens, %d accepted", len(c.over()), ended, accepted)
			if n := len(c.over()); n < 1000 || n < len(c.orders) || accepted > 0 {
				t.Errorf("%d of %d revocations were acknowledged, and %d of what they ended is accepted", n, len(c.orders), accepted)
			}
			other.loggedIn("before", early, loss.early)
			other.loggedIn("after", late, loss.late)
			s.login()
		})
	}
}

// carryOut asks for every revocation until it is acknowledged, some at a time.
func (s *service) carryOut(c *crowd) {
	each(len(c.orders), func(i int) {
		o := c.orders[i]
		if eventually(o.ask) {
			c.done(o)
		}
	})
}

// each does something so often, some at a time.
func each(n int, do func(i int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	group.Wait()
}

// watch looks all the time for what was revoked and is accepted, and for whoever
// is told that a session is over that is not. Not to be told anything is right.
func (s *service) watch(ctx context.Context, c *crowd, others []holder, live bool) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		<-tick.C
		if over := c.over(); len(over) > 0 {
			o := over[rand.N(len(over))]
			h := o.ends[rand.N(len(o.ends))]
			if got := s.demo("/introspect", "token", h.access); got.status == 200 && got.body != `{"active":false}` {
				s.t.Errorf("revoked by %s and accepted: %s", o.kind, got.body)
			}
		}
		got := s.demo("/introspect", "token", others[i%len(others)].access)
		if live && got.status == 200 && got.json()["active"] != true {
			s.t.Error("logged out by an outage")
		}
	}
}

// accepts goes to every door with everything that was revoked.
func (s *service) accepts(c *crowd) (accepted, ended int) {
	var in, all atomic.Int64
	each(len(c.orders), func(i int) {
		o := c.orders[i]
		for _, h := range o.ends {
			all.Add(1)
			if doors := s.letsIn(h, o.tokenOnly); len(doors) > 0 {
				in.Add(1)
				s.t.Errorf("revoked by %s, accepted by %v", o.kind, doors)
			}
		}
	})
	return int(in.Load()), int(all.Load())
}

// loggedIn wants all of them to be able to go on, or none.
func (s *service) loggedIn(when string, all []holder, want bool) {
	s.t.Helper()
	for _, h := range all {
		doors := s.letsIn(h, false)
		if want && !slices.Equal(doors, []string{"introspect", "verify", "refresh"}) || !want && len(doors) > 0 {
			s.t.Errorf("a session that began %s the loss, and was not revoked: accepted by %v", when, doors)
		}
	}
}
