package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// keeper holds on to what was given to it at the beginning, through every
// release: a session, which it refreshes and uses, and a key under which it made
// something once.
type keeper struct {
	office  *office
	targets targets
	held    tokens
	first   resource
	turns   int
	broken  []string
}

const (
	keeperEvery = 50 * time.Millisecond
	keepsake    = "keepsake"
)

// begin logs in and makes something.
func (k *keeper) begin(ctx context.Context, keys *receipts) error {
	u := k.office.new(ctx)
	if u == nil {
		return ctx.Err()
	}
	var status int
	if k.held, status = k.office.auth.issue(ctx, u.grant); status != http.StatusOK {
		return fmt.Errorf("the first login: status %d", status)
	}
	keys.note(keepsake, "")
	if got := k.make(ctx); got.status != http.StatusCreated || json.Unmarshal(got.body, &k.first) != nil {
		return fmt.Errorf("the first creation: status %d", got.status)
	}
	keys.note(keepsake, k.first.ID)
	return nil
}

func (k *keeper) make(ctx context.Context) answer {
	ask := k.office.auth.asker
	got := k.targets.send(ctx, ask, 0, http.MethodPost, "", k.held.Access,
		fmt.Sprintf(`{"type":"kept","name":%q}`, keepsake), "Idempotency-Key", `"`+keepsake+`"`)
	ask.tally.count("what was made long ago", got, got.outcome())
	return got
}

// work goes on until ctx ends.
func (k *keeper) work(ctx context.Context) {
	client := k.office.auth
	for ; pause(ctx, keeperEvery); k.turns++ {
		t, status := client.issue(context.WithoutCancel(ctx), again(k.held.Refresh))
		if status != http.StatusOK {
			k.broken = append(k.broken, fmt.Sprintf("the session could not be refreshed in turn %d: status %d", k.turns, status))
			return
		}
		k.held = t
		me := client.asker.send(ctx, http.MethodGet, client.urls()+"/v1/me", t.Access, "")
		client.asker.tally.count("me", me, me.outcome())
		looked := client.asker.form(ctx, client.urls()+"/introspect", client.id, client.secret, url.Values{"token": {t.Access}})
		client.asker.tally.count("introspect", looked, looked.outcome())
		if looked.status == http.StatusOK && !bytes.Contains(looked.body, []byte(`"active":true`)) {
			k.broken = append(k.broken, fmt.Sprintf("a new token was not active in turn %d", k.turns))
		}
		got := k.make(ctx)
		var it resource
		if got.status == 0 && ctx.Err() != nil {
			return
		}
		if got.status != http.StatusCreated || json.Unmarshal(got.body, &it) != nil || it != k.first {
			k.broken = append(k.broken, fmt.Sprintf("a key was answered with %d and %+v, at first with %+v", got.status, it, k.first))
		}
	}
}
