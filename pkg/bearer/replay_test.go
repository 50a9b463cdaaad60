package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
)

func TestTombstones(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	soon, later := time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	stone := bearer.Tombstone{Kind: bearer.KindSession, ID: "s1", Subject: "u1", Expires: later}
	short := stone
	short.Expires = soon
	old := bearer.Tombstone{Kind: bearer.KindToken, ID: "j0", Subject: "u1", Expires: time.Now().Add(-time.Second)}
	if err := errors.Join(w.graves.Bury(ctx, stone, old), w.graves.Bury(ctx, short)); err != nil {
		t.Fatal(err)
	}
	page, err := w.graves.After(ctx, bearer.Tombstone{}, 10)
	if err != nil || len(page) != 1 || page[0].ID != "s1" || page[0].Expires.Before(later.Add(-time.Second)) {
		t.Fatalf("%+v, %v", page, err)
	}
	if found, err := w.graves.Buried(ctx, []bearer.Kind{bearer.KindToken, bearer.KindSession}, "s0", "s1"); err != nil || !found {
		t.Fatal(found, err)
	}
	if found, err := w.graves.Buried(ctx, []bearer.Kind{bearer.KindToken}, "s1"); err != nil || found {
		t.Fatal(found, err)
	}
	if n, err := w.graves.Clear(ctx, 10); err != nil || n != 1 {
		t.Fatal(n, err)
	}
}

// A Redis that comes back with what it had before the revocations has lost them
// again by the time anybody may ask it.
func TestARedisThatRemembersRevokedTokensForgetsThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.epoch(t, 1)
	const many = 2*1000 + 1 // three pages
	stones := make([]bearer.Tombstone, 0, many)
	for i := range many {
		id := fmt.Sprint(i)
		kind := []bearer.Kind{bearer.KindToken, bearer.KindSession, bearer.KindClerkSession, bearer.KindClerkUser}[i%4]
		stones = append(stones, bearer.Tombstone{Kind: kind, ID: id, Subject: "u" + id, Expires: time.Now().Add(time.Hour)})
	}
	if err := w.graves.Bury(t.Context(), stones...); err != nil {
		t.Fatal(err)
	}
	keyOf := func(s bearer.Tombstone) string {
		switch s.Kind {
		case bearer.KindToken:
			return bearer.TokenKey(s.Subject, s.ID)
		case bearer.KindSession:
			return bearer.SessionKey(s.Subject, s.ID)
		case bearer.KindClerkSession, bearer.KindClerkUser:
			return bearer.ClerkKey(s.ID)
		}
		return ""
	}
	for _, s := range stones {
		enliven(t, e.Redis(), keyOf(s))
	}
	survivor := bearer.SessionKey("u1", "alive")
	enliven(t, e.Redis(), survivor)
	if err := w.graves.Replay(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	for _, s := range stones {
		if n := e.Redis().Exists(t.Context(), keyOf(s)).Val(); n != 0 {
			t.Fatalf("%s %s is live again", s.Kind, s.ID)
		}
		clerk := s.Kind == bearer.KindClerkSession || s.Kind == bearer.KindClerkUser
		if clerk && e.Redis().TTL(t.Context(), bearer.ClerkRevokedKey(s.ID)).Val() < 5*time.Minute {
			t.Fatalf("no marker for %s", s.ID)
		}
	}
	if e.Redis().Exists(t.Context(), survivor).Val() != 1 {
		t.Fatal("the replay ended a session that nobody revoked")
	}
}

func TestReplayFailsWithoutRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.epoch(t, 1)
	stone := bearer.Tombstone{Kind: bearer.KindToken, ID: "j", Subject: "u", Expires: time.Now().Add(time.Hour)}
	if err := w.graves.Bury(t.Context(), stone); err != nil {
		t.Fatal(err)
	}
	if err := w.stack.Kill("redis"); err != nil {
		t.Fatal(err)
	}
	if err := w.graves.Replay(t.Context(), e); err == nil {
		t.Fatal("a replay that could not write says it is done")
	}
}

// A server that goes silent is noticed, however long a replay may take in all.
func TestReplayDoesNotWaitForASilentServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnDatabase: true})
	e := w.epoch(t, 1)
	if err := w.stack.Pause(w.stack.Database()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.stack.Resume(w.stack.Database()); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := w.graves.Replay(ctx, e); err == nil || ctx.Err() != nil {
		t.Errorf("it waited: %v", err)
	}
}
