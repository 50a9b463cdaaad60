package resources

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/zap"

	"tandem.example/pkg/coherent"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/invalidation/relay"
	"tandem.example/services/resources/internal/idempotency"
	"tandem.example/services/resources/migrations"
)

// lossy is a store whose next write takes effect, but its answer is lost and
// something happens before anybody asks for it.
type lossy struct {
	*Postgres

	then func()
}

func (l *lossy) Insert(ctx context.Context, op Operation, r Resource) (Resource, error) {
	return l.lose(l.Postgres.Insert(ctx, op, r))
}

func (l *lossy) Update(ctx context.Context, op Operation, r Resource, versions []int64) (Resource, error) {
	return l.lose(l.Postgres.Update(ctx, op, r, versions))
}

func (l *lossy) lose(r Resource, err error) (Resource, error) {
	if err != nil || l.then == nil {
		return r, err
	}
	then := l.then
	l.then = nil
	then()
	return Resource{}, errors.New("read tcp: connection reset by peer")
}

type nobody struct{}

func (nobody) Nudge(string) {}

func newRegistry(t *testing.T) (*Registry, *lossy, *devstack.Stack) {
	t.Helper()
	stack := devstack.T(t, devstack.Options{Database: true, OwnRedis: true})
	err := crdb.Migrate(t.Context(), env.Secret(stack.DatabaseURL), zap.NewNop(), epoch.Migrations(), coherent.Migrations(), relay.Migrations(), migrations.Set())
	if err != nil {
		t.Fatal(err)
	}
	db, err := open(stack.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	keeper := newKeeper(db, stack.RedisURL, stack.CAFile)
	keeper.Start()
	cache := coherent.New(coherent.Config{Region: "here", Epochs: keeper, Arbiter: coherent.NewPostgres(db), Log: zap.NewNop()})
	t.Cleanup(func() {
		if err := errors.Join(cache.Stop(context.Background()), keeper.Stop(context.Background())); err != nil {
			t.Error(err)
		}
	})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for keeper.Ready() != nil {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal(keeper.Ready())
		}
	}
	store := &lossy{Postgres: NewPostgres(db)}
	return NewRegistry(cache, store, nobody{}, once(db, keeper)), store, stack
}

// A write's answer is lost, and somebody else writes before it is settled. The
// writer hears of its own version, not of one that it never saw.
func TestALostAnswerIsTheWritersOwn(t *testing.T) {
	t.Parallel()
	registry, store, _ := newRegistry(t)
	ctx, by := t.Context(), Actor{Tenant: "t", Subject: "s"}
	text := func(s string) *string { return &s }
	store.then = func() {}
	none := idempotency.Request{}
	w, err := registry.Create(ctx, by, Draft{Type: text("note"), Name: text("first")}, none)
	if err != nil {
		t.Fatal(err)
	}
	made, entry := w.ID, w.Entry
	if read, _, err := registry.Get(ctx, by.Tenant, made, 0, true); err != nil || string(read.Body) != string(entry.Body) {
		t.Fatalf("created %s, read %s: %v", entry.Body, read.Body, err)
	}
	store.then = func() {
		if _, err := registry.Replace(ctx, by, made, Draft{Name: text("theirs")}, nil, none); err != nil {
			t.Error(err)
		}
	}
	if w, err = registry.Replace(ctx, by, made, Draft{Name: text("mine")}, nil, none); err != nil {
		t.Fatal(err)
	}
	entry = w.Entry
	var got Resource
	if err := json.Unmarshal(entry.Body, &got); err != nil {
		t.Fatal(err)
	}
	if entry.Version != 2 || got.Version != 2 || got.Name != "mine" || got.UpdatedAt.Before(got.CreatedAt) {
		t.Errorf("the writer was told version %d: %s", entry.Version, entry.Body)
	}
	if read, _, err := registry.Get(ctx, by.Tenant, made, 0, false); err != nil || read.Version != 3 {
		t.Errorf("version %d is read: %v", read.Version, err)
	}
	store.then = func() {
		if _, err := registry.Delete(ctx, by, made, nil, none); err != nil {
			t.Error(err)
		}
	}
	if w, err = registry.Replace(ctx, by, made, Draft{Name: text("last")}, nil, none); err != nil || w.Entry.Version != 4 {
		t.Errorf("a write that was deleted since: version %d, %v", w.Entry.Version, err)
	}
	if _, _, err := registry.Get(ctx, by.Tenant, made, 0, false); !errors.Is(err, ErrNotFound) {
		t.Errorf("read after the deletion: %v", err)
	}
}
