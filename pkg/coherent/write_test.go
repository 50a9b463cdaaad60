package coherent

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"tandem.example/pkg/env"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/redisfx"
)

// wire is all connections of a process to Redis. It counts how often scripts are
// sent, each of which somebody waits for, and can hold them back.
type wire struct {
	mu    sync.Mutex // guards all
	trips int
	held  chan struct{} // nil while nothing is held back
}

type tapped struct {
	net.Conn

	wire *wire
}

// Write implements [net.Conn].
func (c tapped) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("eval")) || bytes.Contains(p, []byte("zrem")) {
		c.wire.mu.Lock()
		c.wire.trips++
		held := c.wire.held
		c.wire.mu.Unlock()
		if held != nil {
			<-held
		}
	}
	return c.Conn.Write(p)
}

func (w *wire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.trips
}

func (w *wire) hold(held chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = held
}

// A write makes one round trip to Redis before its statement, whatever it marks,
// and waits for none after it.
func TestAWriteWaitsForOneRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var line wire
	cfg := redisfx.Config{URL: env.Secret(w.stack.RedisURL), UseTLS: true, CAFile: w.stack.CAFile, PoolSize: 16}
	k := epoch.New(epoch.Config{
		Region: "here", Store: epoch.NewPostgres(w.db), Log: zap.NewNop(),
		Options: func() (*redis.Options, error) {
			opts, err := cfg.Options()
			if err != nil {
				return nil, err
			}
			dial := redis.NewDialer(opts)
			opts.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := dial(ctx, network, address)
				return tapped{conn, &line}, err
			}
			return opts, nil
		},
		Recover: func(context.Context, *epoch.Epoch) error { return nil },
	})
	k.Start()
	p := &process{New(Config{Region: "here", Epochs: k, Arbiter: NewPostgres(w.db), Log: zap.NewNop()}), k, w.db}
	t.Cleanup(func() { _ = k.Stop(context.Background()) })
	number := p.epoch(t).Number()
	id := newID()
	p.insert(t, id)
	p.write(t, id, "first") // and the server knows the scripts
	eventually(t, "nothing is done behind the answer", func() bool { return p.registered(t, number) == 0 })

	before, held := line.count(), make(chan struct{})
	change := p.change(id, "second")
	run := change.Run
	change.Run = func(ctx context.Context, op Operation) (Entry, error) {
		if n := line.count() - before; n != 1 {
			t.Errorf("%d round trips before the statement", n)
		}
		line.hold(held)
		return run(ctx, op)
	}
	done := make(chan error, 1)
	go func() {
		_, err := p.Write(t.Context(), change)
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("the answer waits for Redis")
	}
	line.hold(nil)
	close(held)
	if err := p.Stop(t.Context()); err != nil { // what is behind the answer comes to its end
		t.Error(err)
	}
	p.settled(t, number, id)
}
