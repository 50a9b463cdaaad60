package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// ended is a token that auth has acknowledged to be no good any more.
type ended struct {
	token   string
	refresh bool
	how     string
	since   int64
}

// revoker begins sessions, ends them in every way there is, and goes on
// presenting their tokens to every instance: none may be let in again, whatever
// happens to Redis.
type revoker struct {
	auth    *auth
	office  *office
	user    *user
	targets targets

	mu      sync.Mutex // guards all below
	dead    []ended
	asked   int // how often one was presented and refused
	let     []string
	unclear int // ends without an answer: nothing is expected of them
}

// run does so until ctx ends.
func (v *revoker) run(ctx context.Context, r *rand.Rand) {
	if v.user = v.office.new(ctx); v.user == nil {
		return
	}
	for pause(ctx, time.Duration(100+r.IntN(200))*time.Millisecond) {
		switch r.IntN(8) {
		case 0:
			v.logOut(ctx, "/logout")
		case 1:
			v.logOut(ctx, "/logout/all")
		case 2:
			v.expel(ctx)
		case 3:
			v.endRefresh(ctx)
		default:
			v.endAccess(ctx, r)
		}
	}
}

// endAccess revokes an access token of a machine.
func (v *revoker) endAccess(ctx context.Context, r *rand.Rand) {
	t, status := v.auth.issue(ctx, machine())
	if status != http.StatusOK {
		return
	}
	v.auth.asker.send(ctx, http.MethodGet, v.targets[r.IntN(len(v.targets))].resources(), t.Access, "")
	got := v.auth.asker.form(ctx, v.auth.urls()+"/revoke", v.auth.id, v.auth.secret, url.Values{"token": {t.Access}})
	v.bury("revoke", got, ended{token: t.Access})
}

// logIn begins a session, and refreshes it once.
func (v *revoker) logIn(ctx context.Context) (first, second tokens, ok bool) {
	first, status := v.auth.issue(ctx, v.user.grant)
	if status != http.StatusOK {
		return first, second, false
	}
	second, status = v.auth.issue(ctx, again(first.Refresh))
	return first, second, status == http.StatusOK
}

// endRefresh revokes a session by its refresh token.
func (v *revoker) endRefresh(ctx context.Context) {
	first, second, ok := v.logIn(ctx)
	if !ok {
		return
	}
	got := v.auth.asker.form(ctx, v.auth.urls()+"/revoke", v.auth.id, v.auth.secret, url.Values{"token": {second.Refresh}})
	v.bury("revoke session", got, whole(first, second)...)
}

// logOut ends a session, or all of the user, by the user's own wish.
func (v *revoker) logOut(ctx context.Context, path string) {
	first, second, ok := v.logIn(ctx)
	if !ok {
		return
	}
	v.bury(path, v.auth.asker.send(ctx, http.MethodPost, v.auth.urls()+path, second.Access, ""), whole(first, second)...)
}

// expel ends all sessions of the user by the administration's wish.
func (v *revoker) expel(ctx context.Context) {
	first, second, ok := v.logIn(ctx)
	if !ok {
		return
	}
	admin := v.office.admin
	token := admin.get(ctx, "")
	target := admin.urls() + "/v1/users/" + v.user.id + "/revoke"
	got := v.auth.asker.send(ctx, http.MethodPost, target, token, "")
	if got.status == http.StatusUnauthorized {
		admin.get(ctx, token)
	}
	v.bury("expel", got, whole(first, second)...)
}

func whole(all ...tokens) (dead []ended) {
	for _, t := range all {
		dead = append(dead, ended{token: t.Access}, ended{token: t.Refresh, refresh: true})
	}
	return dead
}

// bury expects the tokens to be refused from now on, if the end was acknowledged.
func (v *revoker) bury(how string, got answer, dead ...ended) {
	v.auth.asker.tally.count(how, got, got.outcome())
	v.mu.Lock()
	defer v.mu.Unlock()
	if got.status != http.StatusOK {
		v.unclear++
		return
	}
	for _, d := range dead {
		d.how, d.since = how, got.end
		v.dead = append(v.dead, d)
	}
}

// present shows ended tokens, the newest most often.
func (v *revoker) present(ctx context.Context, r *rand.Rand) {
	for pause(ctx, 10*time.Millisecond) {
		v.mu.Lock()
		n := len(v.dead)
		if n == 0 {
			v.mu.Unlock()
			continue
		}
		d := v.dead[n-1-r.IntN(min(n, 1+r.IntN(n)))]
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

func (v *revoker) show(ctx context.Context, d ended, to *target) {
	var got answer
	refused, where := []int{http.StatusUnauthorized}, to.name
	if d.refresh {
		refused, where = []int{http.StatusBadRequest, http.StatusTooManyRequests}, "auth"
		got = v.auth.asker.form(ctx, v.auth.urls()+"/token", v.auth.id, v.auth.secret, again(d.token))
	} else {
		got = v.auth.asker.send(ctx, http.MethodGet, to.resources()+"?type=none", d.token, "")
	}
	v.auth.asker.tally.count("ended token", got, nothing)
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case slices.Contains(refused, got.status):
		v.asked++
	case got.status != 0 && got.status < http.StatusInternalServerError:
		v.let = append(v.let, fmt.Sprintf("%d from %s, %s after %s was acknowledged",
			got.status, where, time.Duration(got.begin-d.since).Round(time.Millisecond), d.how))
	}
}
