package resources_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/zap/zaptest"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/coherent"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/redisfx"
	"tandem.example/services/resources/internal/idempotency"
	"tandem.example/services/resources/internal/resources"
	"tandem.example/services/resources/migrations"
)

// lossy is a store whose connection breaks at the next write: before the
// statement reaches the database, or after it took effect. No real server can be
// made to do the second on demand.
type lossy struct {
	resources.Store

	before, after bool
}

func (s *lossy) lose(run func() (resources.Resource, error)) (resources.Resource, error) {
	before, after := s.before, s.after
	s.before, s.after = false, false
	if before {
		return resources.Resource{}, io.ErrUnexpectedEOF
	}
	r, err := run()
	if after && err == nil {
		return resources.Resource{}, io.ErrUnexpectedEOF
	}
	return r, err
}

func (s *lossy) Insert(ctx context.Context, op resources.Operation, r resources.Resource) (resources.Resource, error) {
	return s.lose(func() (resources.Resource, error) { return s.Store.Insert(ctx, op, r) })
}

func (s *lossy) Update(ctx context.Context, op resources.Operation, r resources.Resource, versions []int64) (resources.Resource, error) {
	return s.lose(func() (resources.Resource, error) { return s.Store.Update(ctx, op, r, versions) })
}

func (s *lossy) Delete(ctx context.Context, op resources.Operation, r resources.Resource, versions []int64) (resources.Resource, error) {
	return s.lose(func() (resources.Resource, error) { return s.Store.Delete(ctx, op, r, versions) })
}

type silent struct{}

func (silent) Nudge(string) {}

// registry is one over real servers and a store that can lose answers.
func registry(t *testing.T) (*resources.Registry, *lossy, *crdb.DB) {
	t.Helper()
	stack := devstack.T(t, devstack.Options{Database: true, Redis: true})
	url, log := env.Secret(stack.DatabaseURL), zaptest.NewLogger(t)
	if err := crdb.Migrate(t.Context(), url, log, epoch.Migrations(), bearer.Migrations(), coherent.Migrations(), migrations.Set()); err != nil {
		t.Fatal(err)
	}
	db, err := crdb.Open(crdb.Config{URL: url, MaxConns: 8, ConnectTimeout: time.Minute, StatementTimeout: 20 * time.Second}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	keeper := epoch.New(epoch.Config{
		Region: "here", Store: epoch.NewPostgres(db), Log: log, Recover: bearer.NewTombstones(db).Replay,
		Options: redisfx.Config{URL: env.Secret(stack.RedisURL), UseTLS: true, CAFile: stack.CAFile, PoolSize: 4}.Options,
	})
	keeper.Start()
	t.Cleanup(func() { _ = keeper.Stop(context.Background()) })
	cache := coherent.New(coherent.Config{Region: "here", Epochs: keeper, Arbiter: coherent.NewPostgres(db), Log: log})
	t.Cleanup(func() { _ = cache.Stop(context.Background()) })
	for tick := time.NewTicker(5 * time.Millisecond); keeper.Ready() != nil; {
		select {
		case <-tick.C:
		case <-time.After(2 * time.Minute):
			t.Fatal(keeper.Ready())
		}
	}
	store := &lossy{Store: resources.NewPostgres(db)}
	return resources.NewRegistry(cache, store, silent{}, idempotency.NewOnce(idempotency.NewPostgres(db), idempotency.NewRedis(keeper))), store, db
}

func TestAnAnswerThatIsLostIsFoundOut(t *testing.T) {
	t.Parallel()
	for name, arm := range map[string]func(*lossy){
		"before the statement": func(s *lossy) { s.before = true },
		"after the statement":  func(s *lossy) { s.after = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, store, db := registry(t)
			ctx, by := t.Context(), resources.Actor{Tenant: "t", Subject: "u"}
			// Each has a key, and is asked for again. What was decided against left none.
			is := func(what string, version int64, write func(idempotency.Request) (resources.Written, error)) resources.Written {
				t.Helper()
				arm(store)
				w, err := write(idempotency.New("t", "u", what))
				if err != nil || w.Entry.Version != version || w.Replayed {
					t.Fatalf("%s: version %d, %v", what, w.Entry.Version, err)
				}
				again, err := write(idempotency.New("t", "u", what))
				if err != nil || !again.Replayed || again.Entry.Version != version || string(again.Entry.Body) != string(w.Entry.Body) {
					t.Errorf("%s: %+v, %v; it was %+v", what, again, err, w)
				}
				return w
			}
			id := is("create", 1, func(once idempotency.Request) (resources.Written, error) {
				return g.Create(ctx, by, resources.Draft{Type: new("invoice"), Name: new("n")}, once)
			}).ID
			is("replace", 2, func(once idempotency.Request) (resources.Written, error) {
				return g.Replace(ctx, by, id, resources.Draft{Name: new("m")}, resources.Match{1}, once)
			})
			w := is("patch", 3, func(once idempotency.Request) (resources.Written, error) {
				return g.Patch(ctx, by, id, resources.Patch{Name: jsontext.Value(`"o"`)}, nil, once)
			})
			read, _, err := g.Get(ctx, "t", id, 0, false)
			if err != nil || read.Version != 3 || string(read.Body) != string(w.Entry.Body) {
				t.Errorf("answered %s, and it is %s", w.Entry.Body, read.Body)
			}
			is("delete", 4, func(once idempotency.Request) (resources.Written, error) {
				return g.Delete(ctx, by, id, resources.Match{3}, once)
			})
			if _, _, err := g.Get(ctx, "t", id, 0, false); !errors.Is(err, resources.ErrNotFound) {
				t.Errorf("after the deletion: %v", err)
			}
			var versions []int64
			const query = `SELECT array_agg(version ORDER BY version) FROM operations WHERE state = 'committed'`
			if err := db.Pool().QueryRow(ctx, query).Scan(&versions); err != nil || len(versions) != 4 || versions[3] != 4 {
				t.Errorf("committed %v, %v", versions, err)
			}
		})
	}
}
