// Package crdb is the door to the database: CockroachDB, or PostgreSQL 15 and
// later, which answers the same statements.
//
// It promises that every connection is encrypted and SERIALIZABLE whatever the
// server's defaults say, that a transaction is repeated as a whole or not at
// all, and that a commit whose outcome is unknown is reported as unknown
// instead of being tried again.
package crdb

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"tandem.example/pkg/telemetry"
)

// DB is a pool of verified connections, safe for concurrent use. A single
// statement runs on its pool; several that belong together run in [InTx].
type DB struct{ pool *pgxpool.Pool }

// Open prepares a pool. It does no I/O: connections are made when they are
// needed, so a service starts while the database is away.
func Open(cfg Config, reg prometheus.Registerer, tracing trace.TracerProvider) (*DB, error) {
	pc, err := pgxpool.ParseConfig(cfg.URL.Reveal())
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", errMalformed)
	}
	pc.MaxConns = cfg.MaxConns
	pc.MaxConnLifetimeJitter = pc.MaxConnLifetime / 10
	pc.ConnConfig.ConnectTimeout = cfg.ConnectTimeout
	pc.ConnConfig.DialFunc = (&net.Dialer{KeepAlive: 15 * time.Second, Timeout: cfg.ConnectTimeout}).DialContext
	params := pc.ConnConfig.RuntimeParams
	params["statement_timeout"] = fmt.Sprint(cfg.StatementTimeout.Milliseconds())
	if params["application_name"] == "" {
		params["application_name"] = cfg.Application
	}
	if telemetry.Traced(tracing) {
		pc.ConnConfig.Tracer = otelpgx.NewTracer(otelpgx.WithTracerProvider(tracing), otelpgx.WithDisableSQLStatementInAttributes())
	}
	pc.ConnConfig.ValidateConnect = primaryOnly(pc.ConnConfig.ValidateConnect)
	pc.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		return unsent(makeSerializable(ctx, conn))
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), pc)
	if err != nil {
		return nil, fmt.Errorf("open database pool: %w", err)
	}
	db := &DB{pool: pool}
	if reg != nil {
		if err := reg.Register(poolCollector{pool}); err != nil {
			return nil, fmt.Errorf("register database metrics: %w", err)
		}
	}
	return db, nil
}

// primaryOnly passes over a standby, so that the next address of the URL is tried.
// PostgreSQL answers no SERIALIZABLE statement there, and a connection that was
// made while the primary was away would be kept long after it is back.
func primaryOnly(next pgconn.ValidateConnectFunc) pgconn.ValidateConnectFunc {
	return func(ctx context.Context, conn *pgconn.PgConn) error {
		switch {
		case conn.ParameterStatus("in_hot_standby") == "on":
			return errStandby
		case next != nil: // what the URL asks for
			return next(ctx, conn)
		}
		return nil
	}
}

// makeSerializable sets the isolation level for the session and reads it back:
// a pooler that drops SET, or a server that takes it for something weaker,
// must not serve a single statement.
func makeSerializable(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, `SET default_transaction_isolation = 'serializable'`); err != nil {
		return fmt.Errorf("set isolation: %w", err)
	}
	var level string
	if err := conn.QueryRow(ctx, `SHOW default_transaction_isolation`).Scan(&level); err != nil {
		return fmt.Errorf("read isolation: %w", err)
	}
	if level != "serializable" {
		return fmt.Errorf("%w: %q", errIsolation, level)
	}
	if conn.PgConn().ParameterStatus("crdb_version") == "" { // older CockroachDB does not know the setting
		if _, err := conn.Exec(ctx, `SET idle_in_transaction_session_timeout = '10s'`); err != nil {
			return fmt.Errorf("set idle timeout: %w", err)
		}
	}
	return nil
}

// Pool gives the pool for single statements. They run as SERIALIZABLE
// transactions of their own.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Acquire borrows a connection, to be released, for a write whose outcome must
// be told: when it fails nothing was sent, and [Ambiguous] says so. Through the
// pool alone, a wait that ended looks like a statement that was cut off.
func (db *DB) Acquire(ctx context.Context) (*pgxpool.Conn, error) {
	conn, err := db.pool.Acquire(ctx)
	return conn, unsent(err)
}

func unsent(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errUnsent, err)
}

// Ping proves that a statement can run; it is the readiness probe.
func (db *DB) Ping(ctx context.Context) error { return Fault(db.pool.Ping(ctx)) }

// Close waits for borrowed connections and closes all.
func (db *DB) Close() { db.pool.Close() }
