package app_test

import (
	"sync"
	"testing"
	"time"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/clerk"
)

func TestARegionThatNobodyOpenedIsNotServed(t *testing.T) {
	t.Parallel()
	w, _, _ := serving(t)
	i := w.boot(t, "REGION", "elsewhere")
	i.await(t, "epoch:epoch_not_ready", patience)
	i.refuses(t, w.caller(t), "/v1/resources/00000000-0000-0000-0000-000000000000", "epoch_not_ready")
}

func TestWithoutClerkNobodyNewIsLetIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	i := w.start(t)
	known, session := w.visitor(t, clerk.Wish{})
	path, _ := i.create(t, known, `{"type":"invoice","name":"n"}`)
	w.stack.Clerk.Break(clerk.BadGateway())
	stranger, _ := w.visitor(t, clerk.Wish{})
	i.refuses(t, stranger, path, "clerk_unavailable")
	if got := i.call(t, known, "GET", path, ""); got.status != 200 {
		t.Errorf("a session that was seen: %d %s", got.status, got.body)
	}
	w.stack.Clerk.Mend()
	if got := i.call(t, stranger, "GET", "/v1/resources", ""); got.status != 200 {
		t.Errorf("mended: %d %s (%s)", got.status, got.body, session.SessionID)
	}
}

func TestADefectShowsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	i := w.start(t)
	by := w.caller(t)
	w.exec(t, `ALTER TABLE resources RENAME TO elsewhere`)
	path := "/v1/resources/00000000-0000-0000-0000-000000000000"
	for _, op := range operations(path) {
		got := i.call(t, by, op.method, op.path, op.body)
		got.is(t, 500, "internal")
	}
}

// TestALeaseThatEndsUnderwayDecidesNothing sends requests whose reply from Redis
// arrives when the epoch is not held any more.
func TestALeaseThatEndsUnderwayDecidesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnDatabase: true, OwnRedis: true})
	i := w.start(t)
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
	missing := operations(path)
	for try := 0; len(missing) > 0; try++ {
		if try == 40 { // on a machine that is busy many are too early or too late
			t.Fatalf("not seen: %v", missing)
		}
		i.warm(t, by)
		w.signal(t, w.stack.Pause, w.stack.Database()) // the last renewal gave the lease at most 2 s
		after(1200 * time.Millisecond)
		w.signal(t, w.stack.Pause, "redis")
		answers := i.volley(t, by, missing)
		after(850 * time.Millisecond) // less than the client waits for a reply
		w.signal(t, w.stack.Resume, "redis")
		var left []operation
		for n, got := range answers() {
			if code, _ := got.problem(t); got.status != 503 {
				t.Errorf("%s: %d %s", missing[n].method, got.status, got.body)
			} else if code != "epoch_lapsed" {
				left = append(left, missing[n]) // too early or too late
			}
		}
		missing = left
		w.signal(t, w.stack.Resume, w.stack.Database())
		i.await(t, "", patience)
	}
	if got := i.call(t, by, "GET", path, "", "Cache-Control", "no-cache"); got.resource(t).Version != 1 {
		t.Errorf("a write took effect: %s", got.body)
	}
}

// TestAWriteWhoseOutcomeIsNotKnownSaysSo holds a lock that writes wait for.
func TestAWriteWhoseOutcomeIsNotKnownSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{OwnDatabase: true})
	if w.stack.Database() != "postgres" {
		document.Partial()
		t.Skip("only PostgreSQL locks tables")
	}
	hasty, i := w.start(t, "HTTP_REQUEST_TIMEOUT", "1500ms"), w.start(t)
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"invoice","name":"n"}`)
	writes := operations(path)[2:6]

	// Too long for the client, but certainly not done.
	unlock := w.lock(t)
	eventually(t, patience, "each has come as far as the lock", func() (bool, string) {
		answers, saw := hasty.volley(t, by, writes)(), ""
		for n, got := range answers {
			if code, _ := got.problem(t); got.status != 503 || code != "database_contention" && code != "database_unavailable" || got.header.Get("Retry-After") == "" {
				t.Errorf("%s: %d %v %s", writes[n].method, got.status, got.header, got.body)
			} else if code != "database_contention" { // on a busy machine its time was up before
				saw += writes[n].method + " "
			}
		}
		return saw == "", saw
	})
	unlock()
	if got := i.call(t, by, "GET", path, "", "Cache-Control", "no-cache"); got.resource(t).Version != 1 {
		t.Errorf("a write that was given up took effect: %s", got.body)
	}

	// The database dies while it is at it.
	w.lock(t)
	answers := i.volley(t, by, writes)
	waiting := w.sql(t)
	eventually(t, patience, "all writes wait", func() (bool, string) {
		var n int
		err := waiting.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE NOT granted`).Scan(&n)
		return err == nil && n == len(writes), ""
	})
	w.kill(t, w.stack.Database())
	for _, got := range answers() {
		got.is(t, 503, "outcome_unknown")
	}
	w.revive(t, i, w.stack.Database())
	// What the markers stand for is decided by those who read.
	i.cached(t, by, path)
}

// lock makes every write wait.
func (w world) lock(t *testing.T) (unlock func()) {
	t.Helper()
	tx, err := w.sql(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `LOCK TABLE resources IN EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	return func() { _ = tx.Rollback(t.Context()) }
}

// volley sends requests side by side; the answers are waited for by calling what
// it returns.
func (i *instance) volley(t *testing.T, by caller, ops []operation) func() []reply {
	t.Helper()
	answers := make([]reply, len(ops))
	var sent sync.WaitGroup
	for n, op := range ops {
		sent.Go(func() {
			var err error
			if answers[n], err = i.try(t, by, op.method, op.path, op.body); err != nil {
				t.Errorf("%s: %v", op.method, err)
			}
		})
	}
	return func() []reply {
		sent.Wait()
		return answers
	}
}

// warm opens as many connections to Redis as a volley needs.
func (i *instance) warm(t *testing.T, by caller) {
	t.Helper()
	list := operations("/v1/resources/00000000-0000-0000-0000-000000000000")[1]
	var ops []operation
	for range 12 {
		ops = append(ops, list)
	}
	i.volley(t, by, ops)()
}

func (w world) signal(t *testing.T, send func(string) error, name string) {
	t.Helper()
	if err := send(name); err != nil {
		t.Fatal(err)
	}
}

// after waits where the passing of time is what the test is about.
func after(d time.Duration) { <-time.After(d) }
