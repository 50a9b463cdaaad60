package app_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// TestConcurrentWritersLoseNothing lets clients count in one resource through
// both instances, while others watch that no version goes back.
func TestConcurrentWritersLoseNothing(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"counter","name":"n","attributes":{"n":0}}`)
	instances := []*instance{i, next}
	const writers, each = 4, 12
	var floor atomic.Int64 // the highest version that was acknowledged
	floor.Store(1)
	raise := func(version int64) {
		for now := floor.Load(); version > now && !floor.CompareAndSwap(now, version); now = floor.Load() {
		}
	}
	var writing, reading sync.WaitGroup
	done := make(chan struct{})
	for n := range 3 {
		reading.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				least := floor.Load()
				got, err := instances[n%2].try(t, by, "GET", path, "")
				if err != nil || got.status != 200 {
					t.Errorf("read: %d %s %v", got.status, got.body, err)
					return
				}
				version := got.resource(t).Version
				if version < least {
					t.Errorf("read version %d (%s) after %d was known", version, got.header.Get("Cache-Status"), least)
				}
				raise(version)
			}
		})
	}
	for n := range writers {
		writing.Go(func() {
			for made := 0; made < each; {
				at := instances[(n+made)%2]
				got, err := at.try(t, by, "GET", path, "")
				if err != nil {
					t.Error(err)
					return
				}
				var a struct {
					N int `json:"n"`
				}
				if err := json.Unmarshal(got.resource(t).Attributes, &a); err != nil {
					t.Error(err)
					return
				}
				wrote, err := at.try(t, by, "PATCH", path, fmt.Sprintf(`{"attributes":{"n":%d}}`, a.N+1), "If-Match", got.header.Get("ETag"))
				switch {
				case err == nil && wrote.status == 200:
					made++
					raise(wrote.resource(t).Version)
				case err != nil || wrote.status != 412:
					t.Errorf("write: %d %s %v", wrote.status, wrote.body, err)
					return
				}
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
	got := i.call(t, by, "GET", path, "").resource(t)
	if want := fmt.Sprintf(`{"n":%d}`, writers*each); string(got.Attributes) != want || got.Version != writers*each+1 {
		t.Errorf("at the end: version %d %s, want %s", got.Version, got.Attributes, want)
	}
}

// TestPatchesOfDifferentMembersAllStay has no If-Match: a merge must not write
// what it read of the other members.
func TestPatchesOfDifferentMembersAllStay(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"counter","name":"n"}`)
	var all sync.WaitGroup
	const members = 12
	for n := range members {
		all.Go(func() {
			at := []*instance{i, next}[n%2]
			got, err := at.try(t, by, "PATCH", path, fmt.Sprintf(`{"attributes":{"m%d":%d},"labels":{"l%d":"x"}}`, n, n, n))
			if err != nil || got.status != 200 {
				t.Errorf("patch: %d %s %v", got.status, got.body, err)
			}
		})
	}
	all.Wait()
	got := i.call(t, by, "GET", path, "").resource(t)
	var a map[string]int
	if err := json.Unmarshal(got.Attributes, &a); err != nil || len(a) != members || len(got.Labels) != members || got.Version != members+1 {
		t.Errorf("version %d: %s %v", got.Version, got.Attributes, got.Labels)
	}
}
