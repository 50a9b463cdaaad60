package relay

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"tandem.example/pkg/coherent"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/pkg/invalidation"
)

const (
	patience = 2 * time.Minute
	testPoll = 20 * time.Millisecond
)

// plant is a database with documents, their writers, and a NATS server.
type plant struct {
	t     *testing.T
	stack *devstack.Stack
	owner *crdb.DB // the writers'
	admin *nats.Conn
	ids   atomic.Int64
}

func newPlant(t *testing.T, o devstack.Options) *plant {
	t.Helper()
	o.Database, o.OwnNATS = true, true
	p := &plant{t: t, stack: devstack.T(t, o)}
	url := env.Secret(p.stack.DatabaseURL)
	if err := crdb.Migrate(t.Context(), url, zap.NewNop(), coherent.Migrations(), Migrations()); err != nil {
		t.Fatal(err)
	}
	if user := p.stack.DatabaseUser(devstack.Resources); user != "" {
		if err := crdb.GrantTo(t.Context(), url, user, Grants()...); err != nil {
			t.Fatal(err)
		}
	}
	p.owner = p.open(p.stack.DatabaseURL)
	p.exec(`CREATE TABLE docs (id TEXT PRIMARY KEY, version INT8 NOT NULL)`)
	p.admin = p.connect(p.stack.NATSURL)
	return p
}

func openDB(url string) (*crdb.DB, error) {
	return crdb.Open(crdb.Config{
		URL: env.Secret(url), MaxConns: 8, ConnectTimeout: time.Minute, StatementTimeout: 20 * time.Second,
	}, nil, nil)
}

func (p *plant) open(url string) *crdb.DB {
	p.t.Helper()
	db, err := openDB(url)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(db.Close)
	return db
}

func dial(url, ca string, options ...nats.Option) (*nats.Conn, error) {
	return nats.Connect(url, append(options, nats.RootCAs(ca), nats.MaxReconnects(-1),
		nats.ReconnectWait(20*time.Millisecond), nats.ReconnectBufSize(-1), nats.RetryOnFailedConnect(true))...)
}

func (p *plant) connect(url string) *nats.Conn {
	p.t.Helper()
	closed := make(chan struct{})
	nc, err := dial(url, p.stack.CAFile, nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { nc.Close(); <-closed })
	return nc
}

func (p *plant) exec(statement string, args ...any) {
	p.t.Helper()
	if _, err := p.owner.Pool().Exec(p.t.Context(), statement, args...); err != nil {
		p.t.Fatal(err)
	}
}

func doc(i int) string { return "d" + strconv.Itoa(i) }

func subjectOf(id string) string { return "doc." + id }

// write makes the next version of a document as a service does: the change and
// the row in one statement, which does not know the version beforehand.
func (p *plant) write(ctx context.Context, id string) (int64, error) {
	var version int64
	err := crdb.Idempotent(ctx, func(ctx context.Context) error {
		return p.owner.Pool().QueryRow(ctx, writeSQL, id, uuid.New(), subjectOf(id),
			fmt.Sprintf(`{"action":"updated","tenant":"t","type":"doc","id":%q,"keys":["k"]}`, id),
			invalidation.Shard(subjectOf(id))).Scan(&version)
	})
	return version, err
}

const writeSQL = `WITH u AS (INSERT INTO docs (id, version) VALUES ($1, 1)
		ON CONFLICT (id) DO UPDATE SET version = docs.version + 1 RETURNING version)
	INSERT INTO operations (op_id, state, version, subject, event, shard)
	SELECT $2::UUID, 'committed', version, $3::TEXT, $4::JSONB, $5::INT8 FROM u RETURNING version`

func (p *plant) mustWrite(id string) {
	p.t.Helper()
	if _, err := p.write(p.t.Context(), id); err != nil {
		p.t.Fatal(err)
	}
}

// insert adds a row as it is given, whatever the rules of writers say.
func (p *plant) insert(id string, version int64, created time.Time, state, event string) uuid.UUID {
	p.t.Helper()
	op := uuid.New()
	if event == "" {
		event = fmt.Sprintf(`{"action":"updated","tenant":"t","type":"doc","id":%q,"version":%d,"keys":[]}`, id, version)
	}
	p.exec(`INSERT INTO operations (op_id, state, version, subject, event, shard, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		op, state, version, subjectOf(id), event, invalidation.Shard(subjectOf(id)), created)
	return op
}

type running struct {
	*Relay
	nc      *nats.Conn
	metrics *prometheus.Registry
}

// relay makes one with the rights that a service has; start starts it.
func (p *plant) relay(change func(*Config)) *running {
	p.t.Helper()
	url := p.stack.DatabaseURL
	if p.stack.DatabaseUser(devstack.Resources) != "" {
		url = p.stack.DatabaseURLFor(devstack.Resources)
	}
	registry := prometheus.NewRegistry()
	cfg := Config{
		Settings: Settings{Replicas: 1, Poll: testPoll}, Holder: fmt.Sprint("relay-", p.ids.Add(1)), Source: "test/relay",
		DB: p.open(url), Log: zaptest.NewLogger(p.t), Metrics: registry,
	}
	if change != nil {
		change(&cfg)
	}
	return &running{New(cfg), p.connect(p.stack.NATSURLFor(devstack.Resources)), registry}
}

func (p *plant) start(r *running) *running {
	p.t.Helper()
	if err := r.Start(r.nc); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { p.stop(r) })
	return r
}

func (p *plant) stop(r *running) {
	p.t.Helper()
	if err := r.Stop(context.WithoutCancel(p.t.Context())); err != nil {
		p.t.Error(err)
	}
}

// value reads a metric, summed over its labels.
func (r *running) value(t *testing.T, name string) float64 {
	t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum, found := 0.0, false
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				found = true
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	if !found && name != "invalidation_publish_errors_total" {
		t.Fatalf("no metric %s", name)
	}
	return sum
}

func (p *plant) eventually(what string, true func() bool) {
	p.t.Helper()
	tick, deadline := time.NewTicker(5*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for !true() {
		select {
		case <-deadline:
			p.t.Fatalf("in vain: %s", what)
		case <-tick.C:
		}
	}
}

func (p *plant) unpublished() int {
	p.t.Helper()
	rows, err := p.owner.Pool().Query(p.t.Context(), `SELECT count(*) FROM operations WHERE published = false AND state = 'committed'`)
	if err != nil {
		p.t.Fatal(err)
	}
	n, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func (p *plant) drained() {
	p.t.Helper()
	p.eventually("the outbox runs empty", func() bool { return p.unpublished() == 0 })
}

// stored reads the whole stream: the versions of each subject as they lie there.
func (p *plant) stored() map[string][]int64 {
	p.t.Helper()
	js, err := jetstream.New(p.admin)
	if err != nil {
		p.t.Fatal(err)
	}
	stream, err := js.Stream(p.t.Context(), invalidation.Stream)
	if err != nil {
		p.t.Fatal(err)
	}
	found, ids := map[string][]int64{}, map[string]bool{}
	state := stream.CachedInfo().State
	for seq := max(state.FirstSeq, 1); seq <= state.LastSeq; seq++ {
		msg, err := stream.GetMsg(p.t.Context(), seq)
		if err != nil {
			p.t.Fatal(err)
		}
		e, err := invalidation.Decode(msg.Data)
		if err != nil {
			continue // made by hand
		}
		if ids[e.ID] {
			p.t.Errorf("event %s is stored twice", e.ID)
		}
		ids[e.ID] = true
		if msg.Subject != invalidation.Address(e.Change.Subject()) || msg.Header.Get(nats.MsgIdHdr) != e.ID {
			p.t.Errorf("event %s lies on %s with id %s", e.ID, msg.Subject, msg.Header.Get(nats.MsgIdHdr))
		}
		found[e.Change.ID] = append(found[e.Change.ID], e.Change.Version)
	}
	return found
}

// complete demands every version of every document, once and in order.
func (p *plant) complete() {
	p.t.Helper()
	type row struct {
		ID      string
		Version int64
	}
	rows, err := p.owner.Pool().Query(p.t.Context(), `SELECT id, version FROM docs`)
	if err != nil {
		p.t.Fatal(err)
	}
	docs, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
	if err != nil || len(docs) == 0 {
		p.t.Fatalf("%d documents: %v", len(docs), err)
	}
	stored := p.stored()
	for _, d := range docs {
		if got := stored[d.ID]; !consecutive(got, d.Version) {
			p.t.Errorf("%s has versions 1 to %d, announced are %v", d.ID, d.Version, got)
		}
	}
}

func consecutive(versions []int64, last int64) bool {
	for i, v := range versions {
		if v != int64(i+1) {
			return false
		}
	}
	return int64(len(versions)) == last
}

// settings reaches what only tests change, before Start.
func (r *Relay) settings() *tuning { return &r.tuning }
