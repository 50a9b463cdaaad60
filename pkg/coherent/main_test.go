package coherent

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/fault"
	"tandem.example/pkg/redisfx"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childRole {
		os.Exit(child(os.Args[2:]))
	}
	devstack.Main(m)
}

var errGone = fault.New(fault.NotFound, "thing_not_found", "no such thing")

// world is one region: a database, a Redis and processes that share them.
type world struct {
	t     *testing.T
	stack *devstack.Stack
	db    *crdb.DB
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, devstack.Options{})
}

func newWorldWith(t *testing.T, o devstack.Options) *world {
	t.Helper()
	o.Database, o.OwnRedis = true, true
	stack := devstack.T(t, o)
	url := env.Secret(stack.DatabaseURL)
	if err := crdb.Migrate(t.Context(), url, zap.NewNop(), epoch.Migrations(), Migrations()); err != nil {
		t.Fatal(err)
	}
	db, err := open(stack.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	const table = `CREATE TABLE things (id TEXT PRIMARY KEY, body TEXT NOT NULL, version INT8 NOT NULL)`
	if _, err := db.Pool().Exec(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	return &world{t, stack, db}
}

func open(url string) (*crdb.DB, error) {
	return crdb.Open(crdb.Config{
		URL: env.Secret(url), MaxConns: 16, ConnectTimeout: time.Minute, StatementTimeout: 20 * time.Second,
	}, nil, nil)
}

func newKeeper(db *crdb.DB, url, ca string) *epoch.Keeper { return epoch.New(keeping(db, url, ca)) }

func keeping(db *crdb.DB, url, ca string) epoch.Config {
	cfg := redisfx.Config{URL: env.Secret(url), UseTLS: true, CAFile: ca, PoolSize: 16}
	return epoch.Config{
		Region: "here", Store: epoch.NewPostgres(db), Log: zap.NewNop(),
		Options: func() (*redis.Options, error) {
			opts, err := cfg.Options()
			if err == nil { // a herd queues for its connections
				opts.PoolTimeout, opts.ReadTimeout = 20*time.Second, 20*time.Second
			}
			return opts, err
		},
		Recover: func(context.Context, *epoch.Epoch) error { return nil },
	}
}

// process is what one instance of a service holds.
type process struct {
	*Cache
	keeper *epoch.Keeper
	db     *crdb.DB
}

func (w *world) process(changes ...func(*Config)) *process {
	w.t.Helper()
	return w.processOn(newKeeper(w.db, w.stack.RedisURL, w.stack.CAFile), changes...)
}

func (w *world) processOn(k *epoch.Keeper, changes ...func(*Config)) *process {
	w.t.Helper()
	k.Start()
	made := Config{Region: "here", Epochs: k, Arbiter: NewPostgres(w.db), Log: zap.NewNop(), Metrics: prometheus.NewRegistry()}
	for _, change := range changes {
		change(&made)
	}
	c := New(made)
	w.t.Cleanup(func() {
		if err := errors.Join(c.Stop(context.Background()), k.Stop(context.Background())); err != nil {
			w.t.Error(err)
		}
	})
	p := &process{c, k, w.db}
	p.epoch(w.t)
	return p
}

// home waits until the epoch of the things' home is held.
func (p *process) home(t *testing.T) *epoch.Epoch {
	t.Helper()
	var current *epoch.Epoch
	eventually(t, "the home's epoch is held", func() bool {
		e, err := p.cfg.Regions.In("here")
		current = e
		return err == nil
	})
	return current
}

// away tells whether things are cached elsewhere than where the process is.
func (p *process) away() bool { return p.cfg.Region != "here" }

// epoch waits until one is held.
func (p *process) epoch(t *testing.T) *epoch.Epoch {
	t.Helper()
	var current *epoch.Epoch
	eventually(t, "an epoch is held", func() bool {
		e, err := p.keeper.Current()
		current = e
		return err == nil
	})
	return current
}

func thing(id string) Cell { return Cell("things/" + id) }

// every is the scope of lists of things.
const every = Cell("lists/things")

func (p *process) load(id string) Load {
	return func(ctx context.Context) (Entry, error) {
		var e Entry
		err := crdb.Idempotent(ctx, func(ctx context.Context) error {
			return p.db.Pool().QueryRow(ctx, `SELECT body, version FROM things WHERE id = $1`, id).Scan(&e.Body, &e.Version)
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return Entry{}, errGone
		}
		e.Elsewhere = p.away()
		return e, err
	}
}

func (p *process) read(t *testing.T, id string) (Entry, Source) {
	t.Helper()
	e, s, err := p.Read(t.Context(), thing(id), p.load(id))
	if err != nil {
		t.Fatal(err)
	}
	return e, s
}

// change is the write of a service: one statement that inserts the operation
// row and depends on the epoch.
func (p *process) change(id, body string) Change {
	return Change{
		Home: "here", Item: thing(id), Scopes: []Cell{every},
		Run: func(ctx context.Context, op Operation) (Entry, error) {
			return statement(ctx, p.db, op, id, body)
		},
		Recall: func(_ context.Context, _ Operation, version int64) (Entry, error) {
			return Entry{Version: version, Body: []byte(body)}, nil
		},
	}
}

func statement(ctx context.Context, db *crdb.DB, op Operation, id, body string) (Entry, error) {
	const update = `WITH u AS (
			UPDATE things SET body = $2, version = version + 1 WHERE id = $1
			AND EXISTS (SELECT 1 FROM redis_epoch WHERE region = $4 AND epoch = $5) RETURNING version)
		INSERT INTO operations (op_id, state, version) SELECT $3::UUID, 'committed', version FROM u RETURNING version`
	e := Entry{Body: []byte(body)}
	err := db.Pool().QueryRow(ctx, update, id, body, op.ID, op.Region, op.Epoch).Scan(&e.Version)
	if errors.Is(err, pgx.ErrNoRows) {
		var n int
		if err := db.Pool().QueryRow(ctx, `SELECT count(*) FROM things WHERE id = $1`, id).Scan(&n); err != nil || n == 1 {
			return Entry{}, errors.Join(ErrAgain, err)
		}
		return Entry{}, errGone
	}
	return e, err
}

func (p *process) write(t *testing.T, id, body string) Entry {
	t.Helper()
	e, err := p.Write(t.Context(), p.change(id, body))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (p *process) insert(t *testing.T, id string) {
	t.Helper()
	if _, err := p.db.Pool().Exec(t.Context(), `INSERT INTO things VALUES ($1, 'first', 1)`, id); err != nil {
		t.Fatal(err)
	}
}

func newID() string { return uuid.NewString() }

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("still not true: %s", what)
		case <-tick.C:
		}
	}
}
