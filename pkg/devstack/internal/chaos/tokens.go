package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// revoked is a token that auth has acknowledged to be revoked.
type revoked struct {
	token string
	since int64
}

// revoker makes tokens, revokes them, and goes on presenting them to every
// instance: none may be let in again, whatever happens to Redis.
type revoker struct {
	session *session
	targets []string // a URL on each instance that needs a token

	mu      sync.Mutex // guards all below
	dead    []revoked
	asked   int // how often a revoked token was presented and refused
	let     []string
	unclear int // a revocation without an answer: nothing is expected of it
}

// run does so until ctx ends.
func (v *revoker) run(ctx context.Context, r *rand.Rand) {
	for pause(ctx, time.Duration(100+r.IntN(200))*time.Millisecond) {
		token, ok := v.session.issue(ctx)
		if !ok {
			continue
		}
		v.session.asker.send(ctx, http.MethodGet, v.targets[r.IntN(len(v.targets))], token, "")
		got := v.session.asker.form(ctx, v.session.auth+"/revoke", v.session.user, v.session.password, url.Values{"token": {token}})
		v.session.asker.tally.count("revoke", got, got.outcome())
		v.mu.Lock()
		if got.status == http.StatusOK {
			v.dead = append(v.dead, revoked{token, got.end})
		} else {
			v.unclear++
		}
		v.mu.Unlock()
	}
}

// present shows revoked tokens, the newest most often.
func (v *revoker) present(ctx context.Context, r *rand.Rand) {
	for pause(ctx, 10*time.Millisecond) {
		v.mu.Lock()
		n := len(v.dead)
		if n == 0 {
			v.mu.Unlock()
			continue
		}
		at := n - 1 - r.IntN(min(n, 1+r.IntN(n)))
		d := v.dead[at]
		v.mu.Unlock()
		v.show(ctx, d, v.targets[r.IntN(len(v.targets))])
	}
}

// presentAll shows every one to every instance, at the end.
func (v *revoker) presentAll(ctx context.Context) {
	for _, d := range v.dead {
		for _, target := range v.targets {
			v.show(ctx, d, target)
		}
	}
}

func (v *revoker) show(ctx context.Context, d revoked, target string) {
	got := v.session.asker.send(ctx, http.MethodGet, target, d.token, "")
	v.session.asker.tally.count("revoked token", got, nothing)
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case got.status == http.StatusUnauthorized:
		v.asked++
	case got.status != 0 && got.status < http.StatusInternalServerError:
		v.let = append(v.let, fmt.Sprintf("%d from %s, %s after its revocation was acknowledged",
			got.status, target, time.Duration(got.begin-d.since).Round(time.Millisecond)))
	}
}
