package resources

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"tandem.example/pkg/coherent"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/redisfx"
	"tandem.example/services/resources/internal/idempotency"
)

const childRole = "resources-child"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childRole {
		os.Exit(child(os.Args[2], os.Args[3], os.Args[4], os.Args[5]))
	}
	devstack.Main(m)
}

// asked is the request of both processes.
func asked() (Actor, Draft, idempotency.Request) {
	kind, name := "note", "n"
	return Actor{Tenant: "t", Subject: "s"}, Draft{Type: &kind, Name: &name}, idempotency.New("t", "s", "key", []byte("body"))
}

// child is a process that is killed while it creates something, before its
// statement is sent or after it took effect. No one hears of it.
func child(database, redis, ca, point string) int {
	db, err := open(database)
	if err != nil {
		return 2
	}
	keeper := newKeeper(db, redis, ca)
	keeper.Start()
	cache := coherent.New(coherent.Config{Region: "here", Epochs: keeper, Arbiter: coherent.NewPostgres(db), Log: zap.NewNop()})
	registry := NewRegistry(cache, lethal{NewPostgres(db), point}, nobody{}, once(db, keeper))
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); ctx.Err() == nil; <-tick.C {
		by, d, request := asked()
		_, _ = registry.Create(ctx, by, d, request) // until there is an epoch
	}
	return 3
}

type lethal struct {
	*Postgres

	point string
}

func (l lethal) Insert(ctx context.Context, op Operation, r Resource) (Resource, error) {
	if l.point == "marked" {
		die()
	}
	r, err := l.Postgres.Insert(ctx, op, r)
	if err == nil {
		die()
	}
	return r, err
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal may take a moment
}

// An instance is killed before anybody hears of its write. Asked again, another
// one answers for it, or does it.
func TestAKeySurvivesTheProcess(t *testing.T) {
	t.Parallel()
	for point, replayed := range map[string]bool{"marked": false, "written": true} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			registry, store, stack := newRegistry(t)
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), self, childRole, stack.DatabaseURL, stack.RedisURL, stack.CAFile, point)
			err = cmd.Run()
			if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
				t.Fatalf("the child ended otherwise: %v", err)
			}
			by, d, request := asked()
			w, err := registry.Create(t.Context(), by, d, request)
			if err != nil || w.Replayed != replayed {
				t.Fatalf("asked again: %+v, %v", w, err)
			}
			again, err := registry.Create(t.Context(), by, d, request)
			if err != nil || !again.Replayed || again.ID != w.ID || string(again.Entry.Body) != string(w.Entry.Body) {
				t.Errorf("%+v, %v; it was %+v", again, err, w)
			}
			read, _, err := registry.Get(t.Context(), by.Tenant, w.ID, 0, false)
			if err != nil || string(read.Body) != string(w.Entry.Body) {
				t.Errorf("%s is read, %v; it was %s", read.Body, err, w.Entry.Body)
			}
			if all, err := store.List(t.Context(), Query{Tenant: by.Tenant, Limit: 10}); err != nil || len(all) != 1 {
				t.Errorf("made: %v, %v", all, err)
			}
		})
	}
}

// The answer of the statement is lost, and others write before it is settled. What
// is kept is the writer's own.
func TestALostAnswerIsKeptToo(t *testing.T) {
	t.Parallel()
	registry, store, _ := newRegistry(t)
	by, d, request := asked()
	ctx, name := t.Context(), "m"
	w, err := registry.Create(ctx, by, d, request)
	if err != nil {
		t.Fatal(err)
	}
	store.then = func() {
		if _, err := registry.Replace(ctx, by, w.ID, d, nil, idempotency.Request{}); err != nil {
			t.Error(err)
		}
	}
	request = idempotency.New(by.Tenant, by.Subject, "another")
	replace := func() (Written, error) { return registry.Replace(ctx, by, w.ID, Draft{Name: &name}, Match{1}, request) }
	mine, err := replace()
	if err != nil || mine.Replayed {
		t.Fatalf("%+v, %v", mine, err)
	}
	again, err := replace()
	if err != nil || !again.Replayed || again.Entry.Version != 2 || string(again.Entry.Body) != string(mine.Entry.Body) {
		t.Errorf("%+v, %v; it was %+v", again, err, mine)
	}
}

// late is a store in which something happens just before a statement.
type late struct {
	*Postgres

	before func()
}

func (l late) Insert(ctx context.Context, op Operation, r Resource) (Resource, error) {
	l.before()
	return l.Postgres.Insert(ctx, op, r)
}

// alone believes of each request that it is the first.
type alone struct{}

func (alone) Begin(context.Context, idempotency.Request) (bool, func()) { return true, func() {} }

// The key is taken between the look for it and the statement. That is no reason to
// try again, which would fail for ever.
func TestAKeyThatIsTakenMeanwhile(t *testing.T) {
	t.Parallel()
	registry, store, _ := newRegistry(t)
	by, d, request := asked()
	var first Written
	tries := 0
	own := idempotency.NewOnce(idempotency.NewPostgres(store.db), alone{})
	behind := NewRegistry(registry.cache, late{store.Postgres, func() {
		if tries++; tries > 1 {
			return
		}
		var err error
		if first, err = registry.Create(t.Context(), by, d, request); err != nil {
			t.Error(err)
		}
	}}, nobody{}, own)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	w, err := behind.Create(ctx, by, d, request)
	if err != nil || !w.Replayed || w.ID != first.ID || tries != 1 {
		t.Errorf("%+v after %d tries, %v; the first made %+v", w, tries, err, first)
	}
	other := idempotency.New(by.Tenant, by.Subject, "key", []byte("another body"))
	if _, err := behind.Create(ctx, by, d, other); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("another request: %v", err)
	}
}

func open(url string) (*crdb.DB, error) {
	return crdb.Open(crdb.Config{URL: env.Secret(url), MaxConns: 8, ConnectTimeout: time.Minute, StatementTimeout: 20 * time.Second}, nil, nil)
}

func newKeeper(db *crdb.DB, url, ca string) *epoch.Keeper {
	return epoch.New(epoch.Config{
		Region: "here", Store: epoch.NewPostgres(db), Log: zap.NewNop(),
		Options: redisfx.Config{URL: env.Secret(url), UseTLS: true, CAFile: ca, PoolSize: 8}.Options,
		Recover: func(context.Context, *epoch.Epoch) error { return nil },
	})
}

func once(db *crdb.DB, keeper *epoch.Keeper) *idempotency.Once {
	return idempotency.NewOnce(idempotency.NewPostgres(db), idempotency.NewRedis(keeper))
}
