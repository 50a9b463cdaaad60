package epoch

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"

	"tandem.example/pkg/internal/sabotage"
	"tandem.example/pkg/redisfx"
	"tandem.example/pkg/telemetry"
)

var errReplaced = errors.New("the connection leads to another server or incarnation")

// incarnation is a client whose every connection was seen to lead to one
// identity when it was made, and one connection of the keeper's own, so that a
// lease is not lost in the queue for a busy pool.
type incarnation struct {
	identity  string
	client    *redis.Client
	control   *redis.Client
	elsewhere atomic.Bool // a new connection led to another one
}

// connect asks the server behind the address who it is and binds to the answer.
// A later connection that leads elsewhere fails, and onOther is called so that
// somebody looks.
func connect(ctx context.Context, options func() (*redis.Options, error), tracing trace.TracerProvider, onOther func()) (*incarnation, error) {
	own, err := options()
	if err != nil {
		return nil, err
	}
	shared, err := options()
	if err != nil {
		return nil, err
	}
	own.PoolSize = 1
	i := &incarnation{control: redis.NewClient(own)}
	if i.identity, err = identify(ctx, i.control); err != nil {
		return nil, errors.Join(err, i.control.Close())
	}
	shared.OnConnect = func(ctx context.Context, conn *redis.Conn) error {
		identity, err := identify(ctx, conn)
		if err == nil && identity != i.identity {
			i.elsewhere.Store(true)
			onOther()
			return errReplaced
		}
		return err
	}
	i.client = redis.NewClient(shared)
	if telemetry.Traced(tracing) {
		err = redisotel.InstrumentTracing(i.client, redisotel.WithTracerProvider(tracing), redisotel.WithDBStatement(false))
	}
	return i, err
}

// identify gives the identity of a server that may be used.
func identify(ctx context.Context, c redis.Cmdable) (string, error) {
	server, err := redisfx.Inspect(ctx, c)
	if err != nil {
		return "", err
	}
	if sabotage.Without("epoch") {
		return "any", server.Usable()
	}
	return server.Identity(), server.Usable()
}

// confirm asks again: a demotion or a change of policy needs no new connection.
// It returns errReplaced when this incarnation is over, or when the address has
// come to lead elsewhere: a server that was moved away from may live on and
// answer on old connections for ever.
func (i *incarnation) confirm(ctx context.Context) error {
	if i.elsewhere.Load() {
		return errReplaced
	}
	identity, err := identify(ctx, i.control)
	if identity != "" && identity != i.identity {
		return fmt.Errorf("%w: now %s", errReplaced, identity)
	}
	return err
}

func (i *incarnation) epoch(region string, number int64, held func(*Epoch) bool) *Epoch {
	return &Epoch{region: region, number: number, identity: i.identity, client: i.client, held: held}
}

// close is safe on nil. Commands under way fail.
func (i *incarnation) close() {
	if i != nil {
		// An error here is one of a connection that is given up anyway.
		_ = errors.Join(i.client.Close(), i.control.Close())
	}
}

// latestKey is a sorted set of regions by the number of the latest epoch that this
// incarnation was told of. Raised by hand, that is another one on the same server.
const latestKey = "auth:epoch"

// announce tells those who cannot ask the database that an epoch is to be opened.
func (i *incarnation) announce(ctx context.Context, region string, number int64) error {
	ctx, cancel := context.WithTimeout(ctx, renewWithin)
	defer cancel()
	latest := redis.ZAddArgs{GT: true, Members: []redis.Z{{Score: float64(number), Member: region}}}
	return i.control.ZAddArgs(ctx, latestKey, latest).Err()
}

// announced is the latest number that was announced, 0 if none was.
func (i *incarnation) announced(ctx context.Context, region string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, renewWithin)
	defer cancel()
	number, err := i.control.ZScore(ctx, latestKey, region).Result()
	return int64(number), ignoreNil(err)
}
