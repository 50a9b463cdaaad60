package app_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"tandem.example/pkg/devstack"
)

const patience = 2 * time.Minute // on a machine that does much else

// TestItWaitsForWhatIsAwayAtTheStart boots an instance without each dependency.
func TestItWaitsForWhatIsAwayAtTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnDatabase: true, OwnRedis: true, OwnNATS: true})
	for name, away := range map[string]string{
		w.stack.Database(): "database:database_unavailable epoch:database_unavailable", // the epoch cannot be read
		"redis":            "epoch:redis_unavailable redis:redis_unavailable",
		"nats":             "nats:nats_unavailable",
	} {
		if err := w.stack.Kill(name); err != nil {
			t.Fatal(err)
		}
		i := w.boot(t)
		i.await(t, away, patience)
		if status, _ := i.ready(t); status != http.StatusServiceUnavailable {
			t.Errorf("without %s: readiness %d", name, status)
		}
		if got := i.call(t, caller{}, "GET", "/openapi.json", ""); got.status != 200 {
			t.Errorf("without %s: the document: %d", name, got.status)
		}
		if err := w.stack.Start(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		i.await(t, "", patience)
		if status, _ := i.ready(t); status != http.StatusOK {
			t.Errorf("with %s again: readiness %d", name, status)
		}
		by := w.caller(t)
		path, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
		if got := i.call(t, by, "GET", path, ""); got.status != 200 {
			t.Errorf("with %s again: %d %s", name, got.status, got.body)
		}
		if err := i.stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestEachDependencyIsLostAndComesBack goes through them on a running instance.
func TestEachDependencyIsLostAndComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnDatabase: true, OwnRedis: true, OwnNATS: true})
	i := w.start(t)
	l := w.listen(t)
	w.withoutNATS(t, i, l)
	w.withoutRedis(t, i)
	w.withoutDatabase(t, i)
}

func (w world) withoutNATS(t *testing.T, i *instance, l *listener) {
	t.Helper()
	w.kill(t, "nats")
	i.await(t, "nats:nats_unavailable", patience)
	if status, _ := i.ready(t); status != http.StatusOK {
		t.Errorf("without NATS: readiness %d", status)
	}
	by := w.caller(t)
	path, made := i.create(t, by, `{"type":"invoice","name":"n"}`)
	if got := i.call(t, by, "PATCH", path, `{"name":"m"}`); got.status != 200 {
		t.Errorf("without NATS: %d %s", got.status, got.body)
	}
	if got := i.call(t, by, "GET", path, ""); got.resource(t).Name != "m" {
		t.Errorf("without NATS: %s", got.body)
	}
	i.cached(t, by, path)
	const following = "invalidation_following"
	eventually(t, patience, "it does not follow", func() (bool, string) { return i.metric(t, following) == 0, "" })
	w.revive(t, i, "nats")
	eventually(t, patience, "it follows", func() (bool, string) { return i.metric(t, following) == 1, "" })
	eventually(t, patience, "the events follow", func() (bool, string) {
		got := l.of(made.ID)
		return len(got) == 2 && got[1].Change.Version == 2, strconv.Itoa(len(got))
	})
}

func (w world) withoutRedis(t *testing.T, i *instance) {
	t.Helper()
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
	i.call(t, by, "GET", path, "")
	w.kill(t, "redis")
	i.refuses(t, by, path, "redis_unavailable")
	i.await(t, "epoch:redis_unavailable redis:redis_unavailable", patience)
	i.refuses(t, by, path, "redis_unavailable")
	w.revive(t, i, "redis")
	// It is empty, so nobody is known any more, and nothing is cached.
	i.call(t, by, "GET", path, "").is(t, 401, "token_revoked")
	w.enliven(t, by.claims)
	got := i.call(t, by, "GET", path, "")
	if got.header.Get("Cache-Status") != "tandem; fwd=miss; stored" || got.resource(t).Version != 1 {
		t.Errorf("from an empty Redis: %v %s", got.header, got.body)
	}
}

func (w world) withoutDatabase(t *testing.T, i *instance) {
	t.Helper()
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
	i.call(t, by, "GET", path, "")
	w.kill(t, w.stack.Database())
	// What is not cached fails at once, and when the epoch's lease has run out the rest too.
	i.call(t, by, "GET", "/v1/resources?type=order", "").is(t, 503, "database_unavailable")
	i.await(t, "database:database_unavailable epoch:database_unavailable", patience)
	i.refuses(t, by, path, "database_unavailable")
	w.revive(t, i, w.stack.Database())
	if got := i.call(t, by, "GET", path, ""); got.resource(t).Version != 1 {
		t.Errorf("a refused write took effect: %s", got.body)
	}
}

// refuses wants every call to be a 503 that says when to come back.
func (i *instance) refuses(t *testing.T, by caller, path, code string) {
	t.Helper()
	for _, op := range operations(path) {
		got := i.call(t, by, op.method, op.path, op.body)
		got.is(t, 503, code)
		if after, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || after < 1 {
			t.Errorf("%s: Retry-After %q", op.method, got.header.Get("Retry-After"))
		}
		if got.header.Get("WWW-Authenticate") != "" || got.header.Get("Cache-Status") != "" {
			t.Errorf("%s: %v", op.method, got.header)
		}
	}
}

func (w world) kill(t *testing.T, name string) {
	t.Helper()
	if err := w.stack.Kill(name); err != nil {
		t.Fatal(err)
	}
}

// revive starts a server again and waits for the instance.
func (w world) revive(t *testing.T, i *instance, name string) {
	t.Helper()
	if err := w.stack.Start(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	i.await(t, "", patience)
}
