package devstack

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// shared holds the servers that the tests of one binary have in common.
//
//nolint:gochecknoglobals // a test binary has one TestMain, and T has no other way to what it set up
var shared struct {
	mu       sync.Mutex // guards all below
	host     *host
	database *database
	redis    *redisServer
	nats     *natsServer
	key      *rsa.PrivateKey // Clerk's
	own      int             // how many servers of a single test were started
}

// Tests is a testing.M whose tests can call [T]. It exists for those who run it
// inside of something else, such as goleak.VerifyTestMain, or have something to
// end after the tests and before the servers.
type Tests struct{ M Runner }

// Runner is what runs the tests; *testing.M is one.
type Runner interface{ Run() int }

// Run performs a hidden role, or the tests; then it ends the servers.
func (t Tests) Run() int {
	Child()
	code := t.M.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.host == nil {
		return code
	}
	if err := shared.host.close(); err != nil {
		fmt.Fprintln(os.Stderr, "end the test servers:", err)
		return max(code, 1)
	}
	return code
}

// Main is the whole of a TestMain.
func Main(m *testing.M) { os.Exit(Tests{m}.Run()) }

// T gives a test the parts that it asks for: servers that all tests of the
// binary share, started when the first test needs them, and a new database on
// the shared server. With TEST_DATABASE_URL the database is made on that server.
// What belongs to this test alone ends with it.
func T(tb testing.TB, o Options) *Stack {
	tb.Helper()
	o.Fast = true
	o.DatabaseURL = os.Getenv("TEST_DATABASE_URL") //nolint:forbidigo // tests have no config package
	s, err := forTest(tb, o)
	if err != nil {
		tb.Fatalf("devstack: %v", err)
	}
	return s
}

func forTest(tb testing.TB, o Options) (_ *Stack, err error) {
	tb.Helper()
	ctx := tb.Context()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.host == nil {
		if shared.host, err = newHost(context.WithoutCancel(ctx), ""); err != nil {
			return nil, err
		}
	}
	s := shared.host.stack()
	var errs []error
	if o.Database || o.OwnDatabase {
		errs = append(errs, s.testDatabase(tb, o))
	}
	if o.Redis || o.OwnRedis {
		errs = append(errs, s.testRedis(tb, o))
	}
	if o.NATS || o.OwnNATS {
		errs = append(errs, s.testNATS(tb, o))
	}
	if o.Clerk {
		errs = append(errs, s.testClerk(tb))
	}
	return s, errors.Join(errs...)
}

func (s *Stack) testDatabase(tb testing.TB, o Options) (err error) {
	tb.Helper()
	ctx := tb.Context()
	switch {
	case o.OwnDatabase:
		o.DatabaseURL = "" // an external server is not ours to kill
		if s.database, err = s.host.startDatabase(ctx, suffix(), o); err != nil {
			return err
		}
		s.owns(tb, strings.SplitN(s.database.server, "-", 2)[0], s.database.server)
	case shared.database == nil:
		if shared.database, err = s.host.startDatabase(ctx, "", o); err != nil {
			return err
		}
		fallthrough
	default:
		s.database = shared.database
	}
	s.dbName = "test_" + strings.ToLower(secret())
	if err := s.useDatabase(ctx); err != nil || o.OwnDatabase {
		return err
	}
	tb.Cleanup(func() {
		if err := s.database.drop(context.WithoutCancel(ctx), s.dbName); err != nil {
			tb.Errorf("devstack: drop the test's database: %v", err)
		}
	})
	return nil
}

func (s *Stack) testRedis(tb testing.TB, o Options) (err error) {
	tb.Helper()
	switch {
	case o.OwnRedis:
		name := "redis" + suffix()
		if s.redis, err = s.host.startRedis(tb.Context(), name, o); err != nil {
			return err
		}
		s.owns(tb, "redis", name)
	case shared.redis == nil:
		if shared.redis, err = s.host.startRedis(tb.Context(), "redis", o); err != nil {
			return err
		}
		fallthrough
	default:
		s.redis = shared.redis
	}
	s.RedisURL = s.redis.url("admin")
	return nil
}

func (s *Stack) testNATS(tb testing.TB, o Options) (err error) {
	tb.Helper()
	switch {
	case o.OwnNATS:
		name := "nats" + suffix()
		if s.nats, err = s.host.startNATS(tb.Context(), name, o); err != nil {
			return err
		}
		s.owns(tb, "nats", name)
	case shared.nats == nil:
		if shared.nats, err = s.host.startNATS(tb.Context(), "nats", o); err != nil {
			return err
		}
		fallthrough
	default:
		s.nats = shared.nats
	}
	s.NATSURL = s.nats.url("admin")
	return nil
}

// testClerk starts a stand-in for this test alone, since it is cheap.
func (s *Stack) testClerk(tb testing.TB) (err error) {
	tb.Helper()
	if shared.key == nil {
		if shared.key, err = clerkKey(); err != nil {
			return err
		}
	}
	if err := s.startClerk(tb.Context(), shared.key); err != nil {
		return err
	}
	tb.Cleanup(s.Clerk.Close)
	return nil
}

// owns gives the test power over a process and ends it with the test.
func (s *Stack) owns(tb testing.TB, name, process string) {
	tb.Helper()
	s.own[name] = process
	tb.Cleanup(func() {
		if err := errors.Join(s.host.table.Drop(process), os.RemoveAll(s.host.path(process))); err != nil {
			tb.Errorf("devstack: end %s: %v", process, err)
		}
	})
}

// suffix tells a test's own server apart; shared.mu is held.
func suffix() string {
	shared.own++
	return fmt.Sprintf("-%d", shared.own)
}
