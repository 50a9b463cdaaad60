package chaos

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
)

// target is an instance of resources.
type target struct {
	name, url string
	shunned   atomic.Int64 // until when, on the campaign's clock
}

const shunFor = 500 * 1e6 // nanoseconds

func (t *target) resources() string { return t.url + "/v1/resources" }

// heed has clients keep away for a moment from an instance that did not answer,
// as a load balancer does; or all of them would soon be waiting for it.
func (t *target) heed(got answer) {
	if got.status == 0 {
		t.shunned.Store(got.end + shunFor)
	}
}

// targets are all of them.
type targets []*target

// any is one that answered lately, if there is one.
func (ts targets) any(r *rand.Rand, c clock) int {
	at := 0
	for range 3 {
		if at = r.IntN(len(ts)); ts[at].shunned.Load() < c.now() {
			break
		}
	}
	return at
}

// send asks one of them.
func (ts targets) send(ctx context.Context, ask *asker, via int, method, path, token, body string, header ...string) answer {
	got := ask.send(ctx, method, ts[via].resources()+path, token, body, header...)
	ts[via].heed(got)
	return got
}
