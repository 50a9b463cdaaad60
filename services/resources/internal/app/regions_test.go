package app_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"tandem.example/pkg/devstack"
)

const (
	elsewhere = "tandem; fwd=bypass; detail=region"
	hit       = "tandem; hit"
)

// regions are two on one database. NATS has its streams in eu; the one of us is a
// leaf node.
type regions struct {
	eu, us world
	leave  func() // ends who opens the epochs of us
}

func newRegions(t *testing.T) regions {
	t.Helper()
	eu := newWorldIn(t, "eu", devstack.Options{OwnRedis: true, OwnNATS: true})
	us := eu
	us.region, us.peers, us.env = "us", []string{"eu"}, maps.Clone(eu.env)
	us.stack = devstack.T(t, devstack.Options{OwnRedis: true, OwnNATS: true, LeafOf: eu.stack})
	us.stack.DatabaseURL = eu.stack.DatabaseURL
	us.env["REGION"], us.env["REDIS_URL"] = "us", us.stack.RedisURLFor(devstack.Resources)
	us.env["NATS_URL"] = us.stack.NATSURLFor(devstack.Resources)
	peers := fmt.Sprintf("eu=%s,us=%s", eu.env["REDIS_URL"], us.env["REDIS_URL"])
	eu.env["REDIS_PEERS"], us.env["REDIS_PEERS"] = peers, peers
	opener := &until{TB: t}
	t.Cleanup(opener.end)
	us.redis = us.openEpochs(opener)
	return regions{eu, us, opener.end}
}

// until is a test that something is cleaned up after, or before.
type until struct {
	testing.TB

	cleanups []func()
}

func (u *until) Cleanup(f func()) { u.cleanups = append(u.cleanups, f) }

func (u *until) end() {
	for _, f := range slices.Backward(u.cleanups) {
		f()
	}
	u.cleanups = nil
}

// caller is known in both regions.
func (r regions) caller(t *testing.T) caller {
	t.Helper()
	c := r.eu.caller(t)
	r.us.enliven(t, c.claims)
	return c
}

// reads wants a read to be answered with that, and from there.
func (i *instance) reads(t *testing.T, by caller, path, want, from string) {
	t.Helper()
	got := i.call(t, by, "GET", path, "")
	if got.body != want {
		t.Errorf("%s: read %s, not %s", path, got.body, want)
	}
	if status := got.header.Get("Cache-Status"); from != "" && status != from {
		t.Errorf("%s: %s", path, status)
	}
}

func TestAWriteInAnotherRegionIsReadAtOnceAtHome(t *testing.T) {
	t.Parallel()
	r := newRegions(t)
	r.eu.calm, r.us.calm = true, true
	eu, us := r.eu.start(t), r.us.start(t)
	l, far := r.eu.listen(t), r.us.listen(t)
	by := r.caller(t)
	path, made := eu.create(t, by, `{"type":"invoice","name":"n"}`)
	const list, batch = "/v1/resources?type=invoice", "/v1/resources/batch-get"
	for n := range 20 {
		eu.cached(t, by, path)
		eu.cached(t, by, list)
		wrote := us.call(t, by, "PATCH", path, `{"attributes":{"n":`+strconv.Itoa(n)+`}}`)
		eu.reads(t, by, path, wrote.body, "")
		eu.reads(t, by, list, `{"items":[`+wrote.body+`],"next_cursor":null}`, "")
		// Where it is not at home nothing is kept of it.
		for range 2 {
			us.reads(t, by, path, wrote.body, elsewhere)
			us.reads(t, by, list, `{"items":[`+wrote.body+`],"next_cursor":null}`, elsewhere)
			got := us.call(t, by, "POST", batch, `{"ids":["`+made.ID+`"]}`)
			if got.header.Get("Cache-Status") != elsewhere || got.body != `{"items":[`+wrote.body+`],"not_found":[]}` {
				t.Errorf("%v %s", got.header, got.body)
			}
		}
		wrote = eu.call(t, by, "PATCH", path, `{"attributes":{"m":`+strconv.Itoa(n)+`}}`)
		us.reads(t, by, path, wrote.body, elsewhere)
	}
	// A process that knows nothing of the tenant finds out with what it reads.
	fresh := r.us.start(t)
	for _, of := range []string{"/v1/resources?type=order", list, path} {
		for range 2 {
			if got := fresh.call(t, by, "GET", of, "").header.Get("Cache-Status"); got != elsewhere {
				t.Errorf("%s: %s", of, got)
			}
		}
	}
	second, _ := us.create(t, by, `{"type":"invoice","name":"made elsewhere"}`)
	eu.cached(t, by, second)
	us.call(t, by, "DELETE", path, "")
	eu.call(t, by, "GET", path, "").is(t, 404, "resource_not_found")
	// What is written there is heard of here, and who is there is at home there.
	eventually(t, patience, "the events come through the leaf node", func() (bool, string) {
		got, there := l.of(made.ID), far.of(made.ID)
		return len(got) == 42 && len(there) == 42, fmt.Sprint(len(got), len(there))
	})
	for n, e := range l.of(made.ID)[:41] { // whichever region's relay announced it
		if want := []string{"eu/resources", "us/resources"}[n%2]; e.Source != want {
			t.Errorf("version %d was written by %s, not %s", e.Change.Version, want, e.Source)
		}
	}
	theirs := r.caller(t)
	path, _ = us.create(t, theirs, `{"type":"invoice","name":"n"}`)
	us.cached(t, theirs, path)
	eu.reads(t, theirs, path, us.call(t, theirs, "GET", path, "").body, elsewhere)
	wrote := eu.call(t, theirs, "PATCH", path, `{"name":"m"}`)
	us.reads(t, theirs, path, wrote.body, "")
}

// Before a tenant has a home it may get one anywhere: nothing is kept of it.
func TestATenantWithoutAHomeIsNotCached(t *testing.T) {
	t.Parallel()
	r := newRegions(t)
	r.eu.calm, r.us.calm = true, true
	eu, us := r.eu.start(t), r.us.start(t)
	by := r.caller(t)
	const list = "/v1/resources"
	for range 2 {
		eu.reads(t, by, list, `{"items":[],"next_cursor":null}`, elsewhere)
	}
	_, _ = us.create(t, by, `{"type":"invoice","name":"n"}`)
	wrote := us.call(t, by, "GET", list, "").body
	eu.reads(t, by, list, wrote, elsewhere)
	us.cached(t, by, list)
	// Both at once: one of them is the home, for everybody.
	for range 10 {
		by := r.caller(t)
		var creating sync.WaitGroup
		for _, i := range []*instance{eu, us} {
			creating.Go(func() { i.create(t, by, `{"type":"invoice","name":"n"}`) })
		}
		creating.Wait()
		var homes int
		if err := r.eu.sql(t).QueryRow(t.Context(), `SELECT count(*) FROM tenant_homes WHERE tenant = $1`, by.claims.Tenant).Scan(&homes); err != nil || homes != 1 {
			t.Errorf("%d homes: %v", homes, err)
		}
		a, b := eu.call(t, by, "GET", list, "").header.Get("Cache-Status"), us.call(t, by, "GET", list, "").header.Get("Cache-Status")
		if (a == elsewhere) == (b == elsewhere) {
			t.Errorf("in eu %s, in us %s", a, b)
		}
	}
}

// TestNoReadIsStaleAcrossRegions lets both regions write and read the same.
func TestNoReadIsStaleAcrossRegions(t *testing.T) {
	t.Parallel()
	r := newRegions(t)
	instances := []*instance{r.eu.start(t), r.us.start(t), r.eu.start(t)}
	by := r.caller(t)
	const keys, writes = 3, 40
	var paths [keys]string
	var floors [keys]atomic.Int64
	for k := range keys {
		paths[k], _ = instances[0].create(t, by, `{"type":"counter","name":"n"}`)
		floors[k].Store(1)
	}
	raise := func(k int, version int64) {
		for now := floors[k].Load(); version > now && !floors[k].CompareAndSwap(now, version); now = floors[k].Load() {
		}
	}
	var hits atomic.Int64
	var writing, reading sync.WaitGroup
	done := make(chan struct{})
	for n := range 4 {
		reading.Go(func() {
			for round := n; ; round++ {
				select {
				case <-done:
					return
				default:
				}
				k := round % keys
				least := floors[k].Load()
				got, err := instances[n%3].try(t, by, "GET", paths[k], "")
				if err != nil || got.status != 200 && got.status != 503 {
					t.Errorf("read: %d %s %v", got.status, got.body, err)
					return
				}
				if got.status == 503 { // a lease lapsed on a busy machine
					continue
				}
				version := got.resource(t).Version
				if version < least {
					t.Errorf("read version %d (%s) after %d was known", version, got.header.Get("Cache-Status"), least)
				}
				if got.header.Get("Cache-Status") == hit {
					hits.Add(1)
				}
				raise(k, version)
			}
		})
	}
	for n := range 3 {
		writing.Go(func() {
			for round := range writes {
				k := (n + round) % keys
				got, err := instances[n].try(t, by, "PATCH", paths[k], `{"attributes":{"n":`+strconv.Itoa(round)+`}}`)
				switch {
				case err == nil && got.status == 200:
					raise(k, got.resource(t).Version)
				case err != nil || got.status != 503:
					t.Errorf("write: %d %s %v", got.status, got.body, err)
				}
			}
		})
	}
	writing.Wait()
	eventually(t, patience, "reads are hit, or nothing is tested", func() (bool, string) { return hits.Load() > 0, "none" })
	close(done)
	reading.Wait()
}

// TestARegionsRedisIsLost takes the Redis of each region away in turn.
func TestARegionsRedisIsLost(t *testing.T) {
	t.Parallel()
	r := newRegions(t)
	eu, us := r.eu.start(t), r.us.start(t)
	ours, theirs := r.caller(t), r.caller(t)
	our, _ := eu.create(t, ours, `{"type":"invoice","name":"n"}`)
	their, _ := us.create(t, theirs, `{"type":"invoice","name":"n"}`)
	works := func(i *instance, by caller, path string) {
		t.Helper()
		eventually(t, patience, "it goes on", func() (bool, string) {
			wrote := i.call(t, by, "PATCH", path, `{"name":"on"}`)
			return wrote.status == 200 && i.call(t, by, "GET", path, "").body == wrote.body, wrote.body
		})
	}
	refuses := func(i *instance, by caller, path string) {
		t.Helper()
		got := i.call(t, by, "PATCH", path, `{"name":"lost"}`)
		code, _ := got.problem(t)
		if got.status != 503 || got.header.Get("Retry-After") == "" || code != "redis_unavailable" && code != "epoch_not_ready" {
			t.Errorf("a write that cannot be marked: %d %v %s", got.status, got.header, got.body)
		}
	}
	for _, lost := range []struct {
		w        world
		at       *instance // where it is lost
		other    *instance
		name     string
		home     string // of what is at home there
		by       caller
		away     string // of what is at home elsewhere
		stranger caller
	}{
		{r.us, us, eu, "us", their, theirs, our, ours},
		{r.eu, eu, us, "eu", our, ours, their, theirs},
	} {
		unchanged := lost.other.call(t, lost.by, "GET", lost.home, "").body
		lost.w.kill(t, "redis")
		refuses(lost.other, lost.by, lost.home)
		lost.other.await(t, "redis-"+lost.name+":redis_unavailable", patience)
		if status, _ := lost.other.ready(t); status != 200 {
			t.Errorf("without the Redis of %s, elsewhere: readiness %d", lost.name, status)
		}
		refuses(lost.other, lost.by, lost.home)
		works(lost.other, lost.stranger, lost.away)
		lost.other.reads(t, lost.by, lost.home, unchanged, elsewhere)
		lost.at.call(t, lost.by, "GET", lost.home, "").is(t, 503, "redis_unavailable")
		// It comes back as another server.
		if err := lost.w.stack.Start(t.Context(), "redis"); err != nil {
			t.Fatal(err)
		}
		lost.at.await(t, "", patience)
		lost.other.await(t, "", patience)
		lost.w.enliven(t, lost.by.claims)
		lost.w.enliven(t, lost.stranger.claims)
		lost.at.cached(t, lost.by, lost.home)
		works(lost.other, lost.by, lost.home)
		lost.at.reads(t, lost.by, lost.home, lost.other.call(t, lost.by, "GET", lost.home, "").body, "")
	}
}
