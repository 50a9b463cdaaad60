package sessions

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/redisfx"
	"tandem.example/services/auth/migrations"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(victimVariable); text != "" { //nolint:forbidigo // how a process learns what it is
		os.Exit(victim(text))
	}
	devstack.Main(m)
}

// world is a database, a Redis, and a store over both.
type world struct {
	tb     testing.TB
	stack  *devstack.Stack
	db     *crdb.DB
	keeper *epoch.Keeper
	*Store
}

var usual = Lives{Access: 10 * time.Minute, Idle: time.Hour, Absolute: 24 * time.Hour}

func newWorld(tb testing.TB, o devstack.Options) *world {
	tb.Helper()
	o.Database, o.OwnRedis = true, true
	w := &world{tb: tb, stack: devstack.T(tb, o)}
	url := env.Secret(w.stack.DatabaseURL)
	if err := crdb.Migrate(tb.Context(), url, zaptest.NewLogger(tb), epoch.Migrations(), bearer.Migrations(), migrations.Set()); err != nil {
		tb.Fatal(err)
	}
	var err error
	if w.db, w.keeper, err = connect(servers{w.stack.DatabaseURL, w.stack.RedisURL, w.stack.CAFile}, zaptest.NewLogger(tb)); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(w.db.Close)
	w.keeper.Start()
	tb.Cleanup(func() {
		if err := w.keeper.Stop(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	w.Store = w.store(usual)
	w.epoch(1)
	return w
}

// servers are where the database and Redis are.
type servers struct{ Database, Redis, CA string }

// connect makes what a store stands on.
func connect(to servers, log *zap.Logger) (*crdb.DB, *epoch.Keeper, error) {
	db, err := crdb.Open(crdb.Config{
		URL: env.Secret(to.Database), MaxConns: 8, ConnectTimeout: 3 * time.Second, StatementTimeout: 5 * time.Second,
	}, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	return db, epoch.New(epoch.Config{
		Region: "here", Store: epoch.NewPostgres(db), Recover: bearer.NewTombstones(db).Replay,
		Options: redisfx.Config{URL: env.Secret(to.Redis), UseTLS: true, CAFile: to.CA, PoolSize: 16}.Options,
		Log:     log, Metrics: prometheus.NewRegistry(),
	}), nil
}

// store is another instance on the same servers.
func (w *world) store(lives Lives) *Store {
	return NewStore(epoch.NewRegions(w.keeper), NewRows(w.db), refresher(w.tb, secretA, ""), lives, nil)
}

// epoch waits until one of at least that number is held.
func (w *world) epoch(atLeast int64) *epoch.Epoch {
	w.tb.Helper()
	var held *epoch.Epoch
	w.await(fmt.Sprint("epoch ", atLeast), func() bool {
		e, err := w.keeper.Current()
		held = e
		return err == nil && e.Number() >= atLeast
	})
	return held
}

func (w *world) await(what string, done func() bool) {
	w.tb.Helper()
	tick, deadline := time.NewTicker(5*time.Millisecond), time.After(2*time.Minute)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			w.tb.Fatalf("in vain: %s; %v", what, w.keeper.Ready())
		case <-tick.C:
		}
	}
}

// allowed leaves all of what grantTo has.
var allowed = Terms{Scopes: "resources:read resources:write", Audiences: []string{"tandem"}}

func grantTo(subject, client string) Grant {
	return Grant{
		Subject: subject, ClientID: client, Tenant: subject, Audience: "tandem", Scopes: "resources:read resources:write",
		Refreshable: true, Via: "password",
	}
}

// login goes through all of it.
func (w *world) login(subject, client string) Issued {
	w.tb.Helper()
	i, err := w.try(subject, client, nil)
	if err != nil {
		w.tb.Fatal(err)
	}
	return i
}

// try does something between the start of a login and its end.
func (w *world) try(subject, client string, between func()) (Issued, error) {
	w.tb.Helper()
	l, err := w.Begin(w.tb.Context(), client)
	if err != nil {
		w.tb.Fatal(err)
	}
	g := grantTo(subject, client)
	if g.Generation, err = w.Generation(w.tb.Context(), subject); err != nil {
		w.tb.Fatal(err)
	}
	if between != nil {
		between()
	}
	return w.Create(w.tb.Context(), l, g)
}

// live tells whether the access token would be let in.
func (w *world) live(i Issued) bool {
	w.tb.Helper()
	return w.alive(i.Subject, i.SessionID, i.TokenID)
}

func (w *world) alive(subject, session, token string) bool {
	w.tb.Helper()
	e := w.epoch(1)
	n, err := e.Redis().Exists(w.tb.Context(), bearer.TokenKey(subject, token), bearer.SessionKey(subject, session)).Result()
	if err != nil {
		w.tb.Fatal(err)
	}
	return n == 2
}

// many makes sessions of a subject, as logins would, but in bulk. The token has
// the id of its session.
func (w *world) many(n int, subject, client string) []string {
	w.tb.Helper()
	const insert = `INSERT INTO sessions (id, subject, client_id, tenant, subject_generation, client_generation, all_generation, expires_at)
		SELECT id, $2, $3, $2, 0, 0, 0, now() + INTERVAL '1 day' FROM unnest($1::UUID[]) AS id`
	ids := make([]string, 0, n)
	for len(ids) < n {
		var some []uuid.UUID
		pipe := w.epoch(1).Redis().Pipeline()
		for range min(5000, n-len(ids)) {
			id := uuid.Must(uuid.NewV7())
			some, ids = append(some, id), append(ids, id.String())
			i := Issued{Grant: grantTo(subject, client), SessionID: id.String(), TokenID: id.String()}
			first, err := firstRefresh(&i, time.Now().Add(24*time.Hour))
			if err != nil {
				w.tb.Fatal(err)
			}
			key := bearer.SessionKey(subject, id.String())
			pipe.HSet(w.tb.Context(), key, i.family(first, time.Now())...)
			pipe.PExpire(w.tb.Context(), key, time.Hour)
			pipe.Set(w.tb.Context(), bearer.TokenKey(subject, id.String()), "1", 10*time.Minute)
		}
		if _, err := w.db.Pool().Exec(w.tb.Context(), insert, some, subject, client); err != nil {
			w.tb.Fatal(err)
		}
		if _, err := pipe.Exec(w.tb.Context()); err != nil {
			w.tb.Fatal(err)
		}
	}
	return ids
}

// count reads a number from the database.
func (w *world) count(query string, args ...any) (n int64) {
	w.tb.Helper()
	if err := w.db.Pool().QueryRow(w.tb.Context(), query, args...).Scan(&n); err != nil {
		w.tb.Fatal(err)
	}
	return n
}
