package app_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tandem.example/pkg/devstack"
)

// An instance is killed in the middle of writes. What it has left marked is free
// again without anybody who reads it, and no acknowledged write is lost.
func TestMarkersOfAKilledInstanceGoAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnRedis: true})
	by := w.caller(t)
	survivor := w.start(t)
	var docs [6]counted
	for n := range docs {
		path, _ := survivor.create(t, by, `{"type":"counter","name":"n"}`)
		docs[n].path = path
		docs[n].acknowledged.Store(1)
	}
	eventually(t, patience, "a kill leaves markers", func() (bool, string) {
		w.killWhileWriting(t, by, docs[:])
		left := w.inRedis(t, "cache:*:m")
		return len(left) > 0 && len(w.inRedis(t, "cache:*:{markers}:z")) > 0, fmt.Sprint(left)
	})
	eventually(t, patience, "the markers are gone", func() (bool, string) {
		left := append(w.inRedis(t, "cache:*:m"), w.inRedis(t, "cache:*:{markers}:z")...)
		return len(left) == 0, fmt.Sprint(left)
	})
	for n := range docs {
		got := survivor.call(t, by, "GET", docs[n].path, "").resource(t)
		if least := docs[n].acknowledged.Load(); got.Version < least {
			t.Errorf("version %d after %d was acknowledged", got.Version, least)
		}
	}
	if n := survivor.metric(t, `cache_markers_found_total{state="abandoned"}`); n == 0 {
		t.Error("the metric has seen nothing")
	}
}

type counted struct {
	path         string
	acknowledged atomic.Int64
}

// killWhileWriting starts an instance as a process of its own and ends it with
// SIGKILL once it has written a while.
func (w world) killWhileWriting(t *testing.T, by caller, docs []counted) {
	t.Helper()
	public, admin := w.freeAddress(t), w.freeAddress(t)
	cmd, _ := program(t.Context(), t, with(w.env, "HTTP_ADDR", public, "ADMIN_ADDR", admin), "run")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	i := w.reach(t, "https://"+public, "https://"+admin)
	i.await(t, "", patience)
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	defer writing.Wait()
	defer stop()
	var written atomic.Int64
	for n := range docs {
		writing.Go(func() {
			for ctx.Err() == nil {
				got, err := i.try(t, by, http.MethodPatch, docs[n].path, `{"attributes":{"n":1}}`)
				if err != nil || got.status != http.StatusOK {
					continue
				}
				docs[n].acknowledged.Store(got.resource(t).Version)
				written.Add(1)
			}
		})
	}
	eventually(t, patience, "it writes", func() (bool, string) { return written.Load() > int64(10*len(docs)), fmt.Sprint(written.Load()) })
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed
}

// inRedis lists the keys that match a pattern.
func (w world) inRedis(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := w.redis.Keys(t.Context(), pattern).Result()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// metric reads one line of an instance's metrics.
func (i *instance) metric(t *testing.T, line string) float64 {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, i.admin+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := i.operator.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), line+" "); ok {
			value, err := strconv.ParseFloat(rest, 64)
			if err != nil {
				t.Fatal(err)
			}
			return value
		}
	}
	t.Fatalf("no metric %s: %v", line, lines.Err())
	return 0
}
