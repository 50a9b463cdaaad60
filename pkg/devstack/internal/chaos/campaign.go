// Package chaos is a campaign against a running pair: real processes, clients
// that write down every operation with its beginning and its end, and faults at
// random while they work.
//
// It promises that what it calls correct was judged: every resource's history
// and every list's was checked for linearizability with Porcupine, every
// committed change was looked for at a durable subscriber, and every token that
// was ended was presented again. An outcome that a client could not know is
// treated as unknown, never guessed.
package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/internal/pair"
)

// Config says what to run and how hard.
type Config struct {
	Pair     pair.Config
	Length   time.Duration
	Seed     uint64
	Clients  int
	Overlap  int    // how many faults there are at a time
	Faults   string // words that the names of the wanted faults contain; none means all
	Share    int    // of these, every so many-th is done, if Shares says how many shares there are
	Shares   int
	Stories  string // a directory for histories that break the law
	Crippled string // the part of the cache that is taken away; a build for tests alone knows it
}

// scene is where it happens.
type scene struct {
	Config
	pair    *pair.Held
	dir     string // for orders to instances
	clock   clock
	tally   *tally
	links   *links
	primary string // the Redis that counts

	cast
	guests atomic.Int64 // clients that a fault brought along

	mu      sync.Mutex // guards crashes
	crashes []string
}

// say writes a line on the console.
func (s *scene) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.Pair.Out, "chaos: "+format+"\n", args...) // a console that is gone is no reason to stop
}

// Run starts a pair, does harm to it, and judges what its clients saw.
func Run(ctx context.Context, c Config) (_ *Result, err error) {
	s := &scene{Config: c, clock: clock{time.Now()}, tally: newTally(), links: newLinks(), primary: "redis"}
	s.say("seed %d", c.Seed)
	if s.Stories != "" {
		if err := os.MkdirAll(s.Stories, 0o750); err != nil {
			return nil, err
		}
	}
	if s.dir, err = os.MkdirTemp("", "chaos-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	c.Pair.Resources, c.Pair.Auths = 3, 2
	c.Pair.Rewire = s.rewire
	if s.pair, err = pair.Hold(ctx, c.Pair); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.pair.Close(ctx)) }()
	defer s.links.close()
	if err := s.pair.Stack().StartReplica(ctx); err != nil {
		return nil, err
	}
	return s.play(ctx)
}

// rewire gives every instance what it is to know of the campaign, and the
// database its default, which no connection is to be made before.
func (s *scene) rewire(instance string, stack *devstack.Stack, env []string) ([]string, error) {
	if stack.Database() == "postgres" {
		if err := execute(context.Background(), stack.DatabaseURL, loosen); err != nil {
			return nil, err
		}
	}
	env = append(env, "CHAOS_ORDERS="+s.orders(instance))
	if s.Crippled != "" {
		env = append(env, "CHAOS_WITHOUT="+s.Crippled)
	}
	return s.links.through(context.Background(), stack, instance, env)
}

func (s *scene) play(ctx context.Context) (*Result, error) {
	s.clock = clock{time.Now()}
	ask, err := newAsker(s.pair.Variable("CA_FILE"), s.clock, s.tally)
	if err != nil {
		return nil, err
	}
	targets, doors, err := s.linked(ctx)
	if err != nil {
		return nil, err
	}
	s.assemble(ctx, ask, targets, doors)
	sub, err := s.listen(ctx)
	if err != nil {
		return nil, err
	}
	p := &plague{scene: s, kinds: share(chosen(s.Faults), s.Share, s.Shares), held: map[string]bool{}}
	working, stop := context.WithTimeout(ctx, s.Length)
	defer stop()
	var group sync.WaitGroup
	s.employ(working, &group)
	err = p.rage(working)
	stop()
	group.Wait()
	if err = errors.Join(err, s.nurse(ctx, append(resources(s), auths(s)...)), s.pair.AwaitReady(ctx)); err != nil {
		return nil, err
	}
	return s.conclude(ctx, sub, p.done)
}

// conclude judges, when all clients have stopped.
func (s *scene) conclude(ctx context.Context, sub *subscriber, done []injection) (*Result, error) {
	s.revoker.presentAll(ctx)
	truth, err := s.settled(ctx, sub)
	if err = errors.Join(err, sub.stop(ctx)); err != nil {
		return nil, err
	}
	result := s.judge(sub, truth, done)
	result.Mirrored, result.Findings.Stale = s.neighbour.compare(ctx, truth)
	if err := s.neighbour.stop(ctx); err != nil {
		return nil, err
	}
	result.Isolation, err = isolation(ctx, s.pair.Variable("DATABASE_URL"))
	return result, err
}

// listen begins to account for events, as the neighbour will, each over a link of
// its own.
func (s *scene) listen(ctx context.Context) (*subscriber, error) {
	at, err := s.links.between(ctx, s.pair.Stack(), "subscriber nats", s.pair.Variable("NATS_URL"))
	if err != nil {
		return nil, err
	}
	s.neighbour.url, err = s.links.between(ctx, s.pair.Stack(), "neighbour nats", s.pair.Variable("NATS_URL"))
	if err != nil {
		return nil, err
	}
	return subscribe(ctx, at, s.pair.Variable("CA_FILE"))
}

// employ sets the clients to work until ctx ends.
func (s *scene) employ(ctx context.Context, group *sync.WaitGroup) {
	group.Go(func() { s.neighbour.follow(ctx, s.Length/3, s.pair.Variable("CA_FILE")) })
	for n := range s.Clients {
		r := rand.New(rand.NewPCG(s.Seed, uint64(n))) //nolint:gosec // reproducible on purpose
		switch {
		case n == 0:
			group.Go(func() { s.revoker.run(ctx, r) })
		case n == 1:
			group.Go(func() { s.revoker.present(ctx, r) })
		case n%3 == 0:
			group.Go(func() { s.joiners.work(ctx, n, r) })
		default:
			group.Go(func() { s.traders.hand(ctx, n, r).work(ctx) })
		}
	}
}

const (
	settlePatience = 20 * time.Second // without any event, while some are missing
	settleFor      = 75 * time.Second
)

// settled waits until every change is announced and heard of. A machine that is
// merely slow goes on hearing of some.
func (s *scene) settled(ctx context.Context, sub *subscriber) (t truth, err error) {
	began, least := time.Now(), -1
	for last := began; ; {
		err = crdb.Idempotent(ctx, func(ctx context.Context) (err error) {
			t, err = readTruth(ctx, s.pair.Variable("DATABASE_URL"))
			return err
		})
		if err != nil {
			return t, err
		}
		missing, _ := sub.account(t.committed)
		if left := missing + t.unpublished; least < 0 || left < least {
			least, last = left, time.Now()
		}
		t.slow = time.Since(last) < settlePatience
		if least == 0 || !t.slow || time.Since(began) > settleFor || !pause(ctx, 200*time.Millisecond) {
			return t, ctx.Err()
		}
	}
}
