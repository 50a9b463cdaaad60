package app_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	nearby = "tandem; hit; detail=bounded"
	late   = "tandem; fwd=bypass; detail=lag"
)

// nearby waits until a read is answered from this region's Redis, in that version.
func (i *instance) nearby(t *testing.T, by caller, path string, version int64) {
	t.Helper()
	eventually(t, patience, path+" is hit nearby", func() (bool, string) {
		got := i.call(t, by, "GET", path, "")
		status := got.header.Get("Cache-Status")
		return status == nearby && got.resource(t).Version == version, status
	})
}

func TestAnotherRegionsResourceIsReadNearby(t *testing.T) {
	t.Parallel()
	r := newRegions(t)
	r.eu.calm, r.us.calm = true, true
	eu, us := r.eu.start(t), r.us.start(t, "CACHE_FOREIGN", "bounded")
	by := r.caller(t)
	path, made := eu.create(t, by, `{"type":"invoice","name":"n"}`)
	us.nearby(t, by, path, 1)
	writers := []*instance{eu, us}
	for n := range 10 {
		wrote := writers[n%2].call(t, by, "PATCH", path, `{"attributes":{"n":`+strconv.Itoa(n)+`}}`)
		version := wrote.resource(t).Version
		token := wrote.header.Get("Consistency-Token")
		if token != made.ID+":"+strconv.FormatInt(version, 10) {
			t.Fatalf("token %q", token)
		}
		// Whoever knows of it reads it at once, in either region, and others soon.
		for _, i := range writers {
			got := i.call(t, by, "GET", path, "", "Consistency-Token", "00000000-0000-0000-0000-000000000000:9, "+token)
			if got.body != wrote.body {
				t.Errorf("with the token of version %d: %s %s", version, got.header.Get("Cache-Status"), got.body)
			}
		}
		eu.reads(t, by, path, wrote.body, "") // at home nobody needs a token
		us.nearby(t, by, path, version)
		// A client that knows more than the cache goes past it.
		ahead := made.ID + ":" + strconv.FormatInt(version+1, 10)
		got := us.call(t, by, "GET", path, "", "Consistency-Token", ahead)
		if got.body != wrote.body || got.header.Get("Cache-Status") != "tandem; fwd=bypass; detail=token" {
			t.Errorf("with a token of what is not there: %v %s", got.header, got.body)
		}
	}
	us.call(t, by, "GET", path, "", "Consistency-Token", "7").is(t, 400, "invalid_consistency_token")
	if got := us.call(t, by, "GET", "/v1/resources", "").header.Get("Cache-Status"); got != elsewhere {
		t.Errorf("a list: %s", got)
	}
	gone := eu.call(t, by, "DELETE", path, "")
	us.call(t, by, "GET", path, "", "Consistency-Token", gone.header.Get("Consistency-Token")).is(t, 404, "resource_not_found")
	eventually(t, patience, "it is gone for all", func() (bool, string) {
		got := us.call(t, by, "GET", path, "")
		return got.status == 404, got.body
	})
}

// An instance that was not there when an event came does not read what another one
// stored before.
func TestAnInstanceTrustsOnlyWhatIsYoungerThanItself(t *testing.T) {
	t.Parallel()
	r := newRegions(t)
	r.eu.calm, r.us.calm = true, true
	eu, us := r.eu.start(t), r.us.start(t, "CACHE_FOREIGN", "bounded")
	by := r.caller(t)
	path, made := eu.create(t, by, `{"type":"invoice","name":"n"}`)
	us.nearby(t, by, path, 1)
	// A change whose event is lost.
	r.eu.exec(t, `UPDATE resources SET name = 'later', version = 2 WHERE id = '`+made.ID+`'`)
	if got := us.call(t, by, "GET", path, "").header.Get("Cache-Status"); got != nearby {
		t.Fatalf("nothing is stored: %s", got)
	}
	next := r.us.start(t, "CACHE_FOREIGN", "bounded")
	for seen := ""; seen != nearby; {
		got := next.call(t, by, "GET", path, "")
		seen = got.header.Get("Cache-Status")
		if got.resource(t).Version != 2 {
			t.Fatalf("%s: %s", seen, got.body)
		}
	}
	us.nearby(t, by, path, 2) // what it read is good for the other, too
}

// In every way in which events may come too late, for longer than the bound.
func TestNoReadIsOlderThanTheBound(t *testing.T) {
	t.Parallel()
	const bound, blocked = 2 * time.Second, "0199e3b0-5c1f-7a44-8c7e-2b1f0e9d3a55"
	r := newRegions(t)
	r.eu.calm, r.us.calm = true, true
	eu, us := r.eu.start(t), r.us.start(t, "CACHE_FOREIGN", "bounded", "CACHE_FOREIGN_LAG", bound.String())
	by := r.caller(t)
	path, _ := eu.create(t, by, `{"type":"counter","name":"n"}`)
	us.nearby(t, by, path, 1)

	var mu sync.Mutex // guards acknowledged
	acknowledged := map[int64]time.Time{}
	floor := func(at time.Time) (version int64) {
		mu.Lock()
		defer mu.Unlock()
		for v, when := range acknowledged {
			if when.Before(at) {
				version = max(version, v)
			}
		}
		return version
	}
	done := make(chan struct{})
	var busy sync.WaitGroup
	defer busy.Wait()
	end := sync.OnceFunc(func() { close(done) })
	defer end()
	busy.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			got, err := eu.try(t, by, "PATCH", path, `{"attributes":{"n":1}}`)
			if err != nil || got.status != 200 {
				continue
			}
			mu.Lock()
			acknowledged[got.resource(t).Version] = time.Now()
			mu.Unlock()
		}
	})
	// read checks one answer, and tells where it came from.
	read := func() string {
		began := time.Now()
		got := us.call(t, by, "GET", path, "")
		status := got.header.Get("Cache-Status")
		if version, least := got.resource(t).Version, floor(began.Add(-bound)); version < least {
			t.Errorf("version %d (%s) when %d was acknowledged long ago", version, status, least)
		}
		return status
	}
	until := func(want string) {
		t.Helper()
		eventually(t, patience, want, func() (bool, string) { s := read(); return s == want, s })
	}
	until(nearby)
	if err := r.eu.stack.Pause("nats"); err != nil {
		t.Fatal(err)
	}
	until(late)
	if status, away := us.ready(t); status != 200 {
		t.Errorf("readiness %d: %s", status, away)
	}
	if n := us.metric(t, "invalidation_behind_seconds"); n < bound.Seconds() {
		t.Errorf("behind by %v s", n)
	}
	if err := r.eu.stack.Resume("nats"); err != nil {
		t.Fatal(err)
	}
	until(nearby)
	r.eu.kill(t, "nats")
	until(late)
	if err := r.eu.stack.Start(t.Context(), "nats"); err != nil {
		t.Fatal(err)
	}
	until(nearby)
	// This region alone is cut off: the others announce, and here nothing is heard.
	r.us.kill(t, "nats")
	until(late)
	if err := r.us.stack.Start(t.Context(), "nats"); err != nil {
		t.Fatal(err)
	}
	until(nearby)
	// Something that nobody can announce: who knows what is behind it.
	r.eu.exec(t, `INSERT INTO operations (op_id, state, version, subject, event) VALUES ('`+blocked+`', 'committed', 1, 'counter.x', '{}')`)
	until(late)
	r.eu.exec(t, `UPDATE operations SET published = true, published_at = now() WHERE op_id = '`+blocked+`'`)
	until(nearby)
	end()
	busy.Wait()
	if got := us.call(t, by, "GET", path, "", "Cache-Control", "no-cache").header.Get("Cache-Status"); !strings.HasSuffix(got, "detail=request") {
		t.Error(got)
	}
}
