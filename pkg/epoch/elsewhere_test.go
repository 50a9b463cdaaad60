package epoch_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap/zaptest"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/epoch"
)

// The address leads to another server from some moment on, while the old one
// lives and keeps the connections that it has, as after a move to a new server.
func TestAnAddressThatLeadsElsewhereIsFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	elsewhere := devstack.T(t, devstack.Options{Redis: true, OwnRedis: true})
	var address atomic.Pointer[devstack.Stack]
	address.Store(w.stack)
	k := epoch.New(epoch.Config{
		Region: "here", Store: epoch.NewPostgres(w.db), Log: zaptest.NewLogger(t),
		Options: func() (*redis.Options, error) {
			opts, err := redisOf(w.stack).Options()
			if err != nil {
				return nil, err
			}
			opts.Dialer = func(ctx context.Context, network, _ string) (net.Conn, error) {
				to := target(t, address.Load())
				return redis.NewDialer(to)(ctx, network, to.Addr)
			}
			opts.CredentialsProvider = func() (string, string) {
				to := target(t, address.Load())
				return to.Username, to.Password
			}
			return opts, nil
		},
		Recover: func(context.Context, *epoch.Epoch) error { return nil },
	})
	k.Start()
	t.Cleanup(func() { _ = k.Stop(context.Background()) })
	e := await(t, k, 1)
	address.Store(elsewhere)
	// More commands at once than there are connections need a new one.
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() { _ = e.Redis().BLPop(t.Context(), 0, "nothing") })
	}
	next := await(t, k, 2)
	if err := set(t.Context(), next, "k", "v"); err != nil {
		t.Error(err)
	}
	group.Wait() // what waited at the old server was cut off
}

func target(t *testing.T, stack *devstack.Stack) *redis.Options {
	t.Helper()
	opts, err := redisOf(stack).Options()
	if err != nil {
		t.Error(err)
	}
	return opts
}

// Readiness has a reason for every outage, and each is a 503.
func TestAnErrorOfTheStoreIsAnOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := epoch.New(epoch.Config{Region: "here", Store: broken{}, Options: redisOf(w.stack).Options, Log: zaptest.NewLogger(t)})
	k.Start()
	t.Cleanup(func() { _ = k.Stop(context.Background()) })
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !errors.Is(k.Ready(), io.ErrNoProgress) {
		<-tick.C
	}
	if _, err := k.Current(); !errors.Is(err, epoch.ErrNotReady) {
		t.Errorf("current: %v", err)
	}
}

// broken is a store that fails in a way nobody has classified.
type broken struct{ epoch.Store }

func (broken) Get(context.Context, string) (epoch.Row, error) { return epoch.Row{}, io.ErrNoProgress }
