package sessions

import (
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/devstack"
)

// instance is one whose clock may be wrong.
type instance struct {
	*world

	verifier bearer.Verifier
	keys     bearer.KeySet
}

func (w *world) instance(clock time.Duration, lives Lives) *instance {
	w.tb.Helper()
	other := *w
	other.Store = w.store(lives)
	other.now = func() time.Time { return time.Now().Add(clock) }
	keys, err := bearer.NewSecrets([]byte(secretA), nil)
	if err != nil {
		w.tb.Fatal(err)
	}
	return &instance{&other, bearer.Verifier{Keys: keys, Issuer: "auth", Audience: "tandem", Now: other.now}, keys}
}

// sign makes the access token.
func (n *instance) sign(i Issued) string {
	n.tb.Helper()
	raw, err := n.keys.Sign(bearer.Claims{
		Issuer: "auth", Audience: bearer.Audience{i.Audience}, Subject: i.Subject, ClientID: i.ClientID, ID: i.TokenID,
		SessionID: i.SessionID, Tenant: i.Tenant, Scopes: i.Scopes, IssuedAt: i.IssuedAt.Unix(), Expires: i.Expires.Unix(),
	})
	if err != nil {
		n.tb.Fatal(err)
	}
	return raw
}

// accepts is what every check of a token comes to.
func (n *instance) accepts(raw string) (bearer.Claims, error) {
	n.tb.Helper()
	c, err := n.verifier.Verify(n.tb.Context(), raw)
	if err == nil {
		err = n.Live(n.tb.Context(), &c)
	}
	return c, err
}

// off are the clocks of three instances.
var off = []time.Duration{-30 * time.Second, 0, 30 * time.Second}

// Instances whose clocks are 30 s off, a minute apart, honour each other's
// tokens, and what one ends has ended for the others.
func TestInstancesWithWrongClocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	for _, a := range off {
		for _, b := range off {
			issuer, reader := w.instance(a, usual), w.instance(b, usual)
			first := issuer.login("user", "web")
			if _, err := reader.accepts(issuer.sign(first)); err != nil {
				t.Errorf("from %s to %s: %v", a, b, err)
			}
			next, err := reader.Refresh(t.Context(), first.Refresh, "web", allowed)
			if err != nil {
				t.Fatalf("from %s to %s: refresh: %v", a, b, err)
			}
			c, err := issuer.accepts(reader.sign(next))
			if err != nil {
				t.Errorf("from %s to %s: refreshed: %v", a, b, err)
			}
			w.tokenEndsWhileItCouldLive(reader, c)
			if _, err := issuer.accepts(reader.sign(next)); !errors.Is(err, bearer.ErrRevoked) {
				t.Errorf("from %s to %s: revoked: %v", a, b, err)
			}
			must(t, func() (int64, error) { return reader.EndSession(t.Context(), "user", first.SessionID) }, 1)
			if _, err := issuer.accepts(issuer.sign(first)); !errors.Is(err, bearer.ErrRevoked) {
				t.Errorf("from %s to %s: ended: %v", a, b, err)
			}
		}
	}
}

// tokenEndsWhileItCouldLive ends a token, and wants its tombstone to be there for
// longer than any Redis could hold the token.
func (w *world) tokenEndsWhileItCouldLive(n *instance, c bearer.Claims) {
	w.tb.Helper()
	life := w.epoch(1).Redis().PTTL(w.tb.Context(), bearer.TokenKey(c.Subject, c.ID)).Val()
	if ended, err := n.EndToken(w.tb.Context(), &c); err != nil || ended != 1 || life <= 0 {
		w.tb.Errorf("ended %d: %v; it had %s", ended, err, life)
	}
	const stone = `SELECT count(*) FROM tombstones WHERE kind = 'token' AND id = $1 AND expires_at > now() + $2::INT8 * INTERVAL '1 millisecond'`
	if w.count(stone, c.ID, life.Milliseconds()) != 1 {
		w.tb.Error("the tombstone goes before the token")
	}
}

// A token has no more than its life, by the clock of Redis, whatever the clocks of
// those say who issue and check it. By its own clock an instance that is ahead
// refuses it earlier: an expiry has no leeway.
func TestExpiryWithWrongClocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	short := usual
	short.Access = time.Second
	for _, a := range off {
		issuer := w.instance(a, short)
		i := issuer.login("user", "web")
		w.await("it does not expire", func() bool { return !w.live(i) })
		for _, b := range off {
			if _, err := w.instance(b, usual).accepts(issuer.sign(i)); !errors.Is(err, bearer.ErrRevoked) && !errors.Is(err, bearer.ErrExpired) {
				t.Errorf("expired, from %s to %s: %v", a, b, err)
			}
		}
	}
	i := w.login("user", "web")
	for _, clock := range off {
		n := w.instance(0, usual)
		n.verifier.Now = func() time.Time { return i.Expires.Add(clock - 15*time.Second) }
		if _, err := n.accepts(n.sign(i)); errors.Is(err, bearer.ErrExpired) != (clock > 0) {
			t.Errorf("15 s before its end, by a clock that is %s off: %v", clock, err)
		}
	}
}

// A cut-off goes by the database's clock, which is where beginnings are taken
// from too.
func TestACutOffWithWrongClocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	behind, ahead := w.instance(-30*time.Second, usual), w.instance(30*time.Second, usual)
	for _, n := range []*instance{behind, ahead} {
		early := []Issued{behind.login("user", "web"), ahead.login("user", "web")}
		var cutOff time.Time
		if err := w.db.Pool().QueryRow(t.Context(), `SELECT now()`).Scan(&cutOff); err != nil {
			t.Fatal(err)
		}
		late := []Issued{behind.login("user", "web"), ahead.login("user", "web")}
		must(t, func() (int64, error) { return n.EndBefore(t.Context(), cutOff) }, int64(len(early)))
		for i := range early {
			if w.live(early[i]) || !w.live(late[i]) {
				t.Errorf("began before the cut-off: lives %v; after it: %v", w.live(early[i]), w.live(late[i]))
			}
		}
		if _, err := n.EndBefore(t.Context(), cutOff.Add(time.Hour)); !errors.Is(err, ErrFuture) {
			t.Errorf("in the future: %v", err)
		}
		must(t, func() (int64, error) { return n.EndSubject(t.Context(), "user", "", nil) }, int64(len(late)))
	}
}

// The grace for a refresh token that was used already goes by Redis' clock.
func TestTheGraceWithWrongClocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	for _, clock := range off {
		n := w.instance(clock, usual)
		i := n.login("user", "web")
		n.refreshed(i)
		n.refreshed(i) // again
		key := redis.NewIntCmd(t.Context(), "hset", bearer.SessionKey("user", i.SessionID), "pt", time.Now().Add(-grace-time.Second).UnixMilli())
		if err := w.epoch(1).Do(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Refresh(t.Context(), i.Refresh, "web", allowed); !errors.Is(err, ErrReused) {
			t.Errorf("%s off: %v", clock, err)
		}
	}
}
