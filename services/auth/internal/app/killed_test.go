package app_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
)

// An instance is killed in the middle of refreshes and revocations. Elsewhere
// whoever got no answer to a refresh goes on with the token that they have, what
// was acknowledged to be revoked is refused, and the rest can be revoked.
func TestAnInstanceIsKilledAtWork(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	victim := s.spawn()
	victim.client = &http.Client{Transport: deaf{s.operator.Transport}, Timeout: time.Minute}
	s.client = s.operator
	staying, leaving := s.enterMany(16, demoClient), s.enterMany(60, demoClient)

	var refreshed, revoked atomic.Int64
	acknowledged := make([]bool, len(leaving))
	var work sync.WaitGroup
	for i := range staying {
		work.Go(func() { refreshed.Add(victim.goOn(&staying[i])) })
	}
	work.Go(func() {
		for i, h := range leaving {
			got := victim.told(func() reply { return victim.demo("/revoke", "token", h.Refresh) })
			if acknowledged[i] = got.status == 200; acknowledged[i] {
				revoked.Add(1)
			}
		}
	})
	s.await("nothing is revoked", func() bool { return revoked.Load() > int64(len(leaving)/2) })
	if err := victim.process.Kill(); err != nil {
		t.Fatal(err)
	}
	work.Wait()
	t.Logf("killed after %d refreshes and %d revocations", refreshed.Load(), revoked.Load())

	for i, h := range leaving {
		if !acknowledged[i] {
			if got := s.told(func() reply { return s.demo("/revoke", "token", h.Refresh) }); got.status != 200 {
				t.Errorf("it cannot be revoked: %d %s", got.status, got.body)
			}
		}
		if doors := s.letsIn(h, false); len(doors) > 0 {
			t.Errorf("revoked, and accepted by %v", doors)
		}
	}
	s.awaitEpoch(1)
	for i := range staying {
		s.giveGrace(&staying[i])
	}
	s.loggedIn("before", staying, true)
}

// told asks until it hears something about its request.
func (s *service) told(ask func() reply) (got reply) {
	eventually(func() bool { got = ask(); return got.status != 503 })
	return got
}

// goOn refreshes until nobody answers, and tells how often.
func (s *service) goOn(h *holder) (times int64) {
	for {
		got := s.told(func() reply { return s.refresh(h.Refresh) })
		if got.status != 200 {
			return times
		}
		h.Refresh, h.access = got.text("refresh_token"), got.text("access_token")
		times++
	}
}

// giveGrace makes the latest refresh of a session one of this moment.
func (s *service) giveGrace(h *holder) {
	s.t.Helper()
	e, err := s.keeper.Current()
	if err != nil {
		s.t.Fatal(err)
	}
	key := bearer.SessionKey(h.Subject, h.SessionID)
	if err := e.Redis().HSet(s.t.Context(), key, "pt", time.Now().UnixMilli()).Err(); err != nil {
		s.t.Fatal(err)
	}
}
