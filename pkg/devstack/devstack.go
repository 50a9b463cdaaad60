// Package devstack is a throw-away installation of everything that the services
// stand on: PostgreSQL or CockroachDB, Redis, NATS with JetStream and a stand-in
// for Clerk.
//
// It promises real servers, TLS and credentials on every connection as in
// production, users with no more rights than a service needs, and that nothing
// is left behind: neither process nor directory, however the program that
// started the stack ends. It belongs to tests and to development; no image
// contains it.
package devstack

import (
	"context"
	"errors"
	"path/filepath"

	"tandem.example/pkg/devstack/clerk"
	"tandem.example/pkg/devstack/internal/proc"
)

// The roles that have credentials of their own beside the owner's.
const (
	Auth       = "auth"
	Resources  = "resources"
	Subscriber = "subscriber" // NATS only: another service that listens
)

// Options choose the parts of a stack. The zero value has none.
type Options struct {
	Database, Redis, NATS, Clerk bool

	// OwnDatabase, OwnRedis and OwnNATS give a test a server that it shares with
	// no other test, so that it may kill, pause or empty it. Each implies its
	// part. In [Start] every server is its own.
	OwnDatabase, OwnRedis, OwnNATS bool

	// Fast gives up surviving a crash of the machine, which no test can cause;
	// a killed server keeps its data all the same. [T] always sets it.
	Fast bool
	// LeafOf makes the NATS server of a test a leaf node of that stack's, which is
	// its test's own, without JetStream: a second region's.
	LeafOf *Stack

	// RedisPersists keeps Redis's data over a restart (append-only file, synced
	// at every write). Without it a restarted Redis is empty.
	RedisPersists bool

	// External servers are used as they are instead of starting one.
	DatabaseURL, RedisURL, NATSURL string

	// RunDir, if set, is a directory made for the time of the stack with the
	// scripts (start/), the logs (logs/) and the list of processes (pids).
	RunDir string
}

// Stack is what a test or a service needs to know of the servers.
type Stack struct {
	DatabaseURL string // as the owner of the schema
	RedisURL    string // as a user that may do anything
	NATSURL     string // likewise
	ClerkURL    string
	ClerkIssuer string

	CAFile            string // the authority that signed every certificate here
	CertFile, KeyFile string // for a server on localhost, 127.0.0.1 or ::1

	Clerk *clerk.Server // nil without the part

	host     *host
	database *database
	redis    *redisServer
	replica  *redisServer // of redis; nil unless it was asked for
	nats     *natsServer
	dbName   string
	own      map[string]string // name as in the list of processes → process
}

// Start starts a stack of its own. The binary must call [Child] first thing.
// Close ends it; so does the end of the process.
func Start(ctx context.Context, o Options) (_ *Stack, err error) {
	h, err := newHost(ctx, o.RunDir)
	if err != nil {
		return nil, err
	}
	s := h.stack()
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if o.Database || o.OwnDatabase {
		if s.database, err = h.startDatabase(ctx, "", o); err != nil {
			return nil, err
		}
		if s.database.server == "" { // somebody else's: it names its database itself
			s.DatabaseURL = o.DatabaseURL
		} else {
			s.own[s.database.server], s.dbName = s.database.server, "tandem"
			err = s.useDatabase(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
	if o.Redis || o.OwnRedis {
		if s.redis, err = h.startRedis(ctx, "redis", o); err != nil {
			return nil, err
		}
		s.RedisURL = s.redis.url("admin")
		if s.redis.external == "" {
			s.own["redis"] = "redis"
		}
	}
	if o.NATS || o.OwnNATS {
		if s.nats, err = h.startNATS(ctx, "nats", o); err != nil {
			return nil, err
		}
		s.NATSURL = s.nats.url("admin")
		if s.nats.external == "" {
			s.own["nats"] = "nats"
		}
	}
	if o.Clerk {
		err = s.startClerk(ctx, nil)
	}
	return s, err
}

// DatabaseURLFor is the URL of the SQL user of a service, which has no rights
// until a migration grants them. With an external database it is the owner's.
func (s *Stack) DatabaseURLFor(role string) string {
	if user := s.DatabaseUser(role); user != "" {
		return s.database.url(user, s.dbName)
	}
	return s.DatabaseURL
}

// DatabaseUser names the SQL user of a service; empty with an external database.
func (s *Stack) DatabaseUser(role string) string {
	if _, ok := s.database.passwords["tandem_"+role]; ok {
		return "tandem_" + role
	}
	return ""
}

// RedisURLFor is the URL of a service's own Redis user.
func (s *Stack) RedisURLFor(role string) string { return s.redis.url(role) }

// NATSURLFor is the URL of a service's own NATS user.
func (s *Stack) NATSURLFor(role string) string { return s.nats.url(role) }

// Processes is for those who run further programs beside the servers.
func (s *Stack) Processes() *proc.Table { return s.host.table }

// Issue makes another certificate and key under the stack's authority.
func (s *Stack) Issue(file, commonName string) (certFile, keyFile string, err error) {
	return s.host.ca.Issue(file, commonName)
}

// Dir is the stack's own temporary directory.
func (s *Stack) Dir() string { return s.host.dir }

// Close ends every server and removes every file of the stack.
func (s *Stack) Close() error {
	if s.Clerk != nil {
		s.Clerk.Close()
	}
	return s.host.close()
}

func (s *Stack) useDatabase(ctx context.Context) error {
	if err := s.database.create(ctx, s.dbName); err != nil {
		return err
	}
	s.DatabaseURL = s.database.url(s.database.owner, s.dbName)
	return nil
}

func (h *host) stack() *Stack {
	return &Stack{
		CAFile: h.ca.CAFile(), CertFile: h.certFile, KeyFile: h.keyFile,
		host: h, own: map[string]string{},
	}
}

func (h *host) path(parts ...string) string {
	return filepath.Join(append([]string{h.dir}, parts...)...)
}
