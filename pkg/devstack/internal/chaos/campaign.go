// Package chaos is a campaign against a running pair: real processes, clients
// that write down every operation with its beginning and its end, and faults at
// random while they work.
//
// It promises that what it calls correct was judged: every resource's history
// and every list's was checked for linearizability with Porcupine, every
// committed change was looked for at a durable subscriber, and every revoked
// token was presented again. An outcome that a client could not know is treated
// as unknown, never guessed.
package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"sync"
	"time"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/internal/pair"
)

// Config says what to run and how hard.
type Config struct {
	Pair     pair.Config
	Length   time.Duration
	Seed     uint64
	Clients  int
	Faults   string // words that the names of the wanted faults contain; none means all
	Stories  string // a directory for histories that break the law
	Crippled string // the part of the cache that is taken away; a build for tests alone knows it
}

// scene is where it happens.
type scene struct {
	Config
	pair      *pair.Held
	clock     clock
	tally     *tally
	instances int
	links     *links
	primary   string // the Redis that counts
}

func (s *scene) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.Pair.Out, "chaos: "+format+"\n", args...) // a console that is gone is no reason to stop
}

// Result is one campaign.
type Result struct {
	Seed     uint64
	Crippled string
	What     string // what that means
	Tries    int    // runs until it was caught, or given up
	Length   time.Duration
	Findings Findings

	Operations, Hits, Reads int
	By, Codes               map[string]int
	Injections              []injection
	Keys, Groups            int
	Events, Aborted         int
	RevokedTokens, Shown    int
	Flushes                 string
	Isolation               string // the database's default
}

// Run starts a pair, does harm to it, and judges what its clients saw.
func Run(ctx context.Context, c Config) (_ *Result, err error) {
	s := &scene{Config: c, clock: clock{time.Now()}, tally: newTally(), instances: 3, links: newLinks(), primary: "redis"}
	c.Pair.Resources = s.instances
	c.Pair.Rewire = s.rewire
	s.say("seed %d", c.Seed)
	if s.Stories != "" {
		if err := os.MkdirAll(s.Stories, 0o750); err != nil {
			return nil, err
		}
	}
	if s.pair, err = pair.Hold(ctx, c.Pair); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.pair.Close(ctx)) }()
	defer s.links.close()
	if err := s.pair.Stack().StartReplica(ctx); err != nil {
		return nil, err
	}
	if s.pair.Stack().Database() == "postgres" {
		if err := execute(ctx, s.pair.Variable("DATABASE_URL"), loosen); err != nil {
			return nil, err
		}
	}
	return s.play(ctx)
}

// rewire gives every instance what it is to know of the campaign.
func (s *scene) rewire(instance string, stack *devstack.Stack, env []string) ([]string, error) {
	if s.Crippled != "" {
		env = append(env, "CHAOS_WITHOUT="+s.Crippled)
	}
	return s.links.through(context.Background(), stack, instance, env)
}

func (s *scene) start(ctx context.Context, name string) error {
	return s.pair.Start(context.WithoutCancel(ctx), name)
}

func (s *scene) play(ctx context.Context) (*Result, error) {
	asker, err := newAsker(s.pair.Variable("CA_FILE"), s.clock, s.tally)
	if err != nil {
		return nil, err
	}
	sub, err := subscribe(ctx, s.pair.Variable("NATS_URL"), s.pair.Variable("CA_FILE"))
	if err != nil {
		return nil, err
	}
	var targets, lists []string
	for _, i := range s.pair.Instances()[1:] {
		targets, lists = append(targets, i.URL), append(lists, i.URL+"/v1/resources?type=none")
	}
	shared := &session{
		asker: asker, auth: s.pair.Instances()[0].URL,
		user: s.pair.Variable("DEMO_CLIENT_ID"), password: s.pair.Variable("DEMO_CLIENT_SECRET"),
		grant: url.Values{"grant_type": {"client_credentials"}, "scope": {"resources:read resources:write"}},
	}
	t := &traders{session: shared, targets: targets, log: newLog[itemOp]()}
	j := &joiners{session: shared, targets: targets, log: newLog[memberOp]()}
	v := &revoker{session: shared, targets: lists}

	s.clock.base = time.Now()
	asker.clock = s.clock
	working, stop := context.WithTimeout(ctx, s.Length)
	defer stop()
	var group sync.WaitGroup
	for n := range s.Clients {
		r := rand.New(rand.NewPCG(s.Seed, uint64(n)+1)) //nolint:gosec // reproducible on purpose
		switch {
		case n == 0:
			group.Go(func() { v.run(working, r) })
		case n == 1:
			group.Go(func() { v.present(working, r) })
		case n%4 == 0:
			group.Go(func() { j.work(working, n, r) })
		default:
			group.Go(func() { t.work(working, n, r) })
		}
	}
	injections, err := s.plague(working, chosen(s.Faults), rand.New(rand.NewPCG(s.Seed, 0))) //nolint:gosec // likewise
	stop()
	group.Wait()
	if err = errors.Join(err, s.pair.AwaitReady(ctx)); err != nil {
		return nil, err
	}
	v.presentAll(ctx)
	truth, err := s.settled(ctx, sub)
	if err = errors.Join(err, sub.stop(ctx)); err != nil {
		return nil, err
	}
	result := s.judge(t, j, v, sub, truth, injections)
	result.Isolation, err = isolation(ctx, s.pair.Variable("DATABASE_URL"))
	return result, err
}

const settleFor = 30 * time.Second

// settled waits until every change is announced and heard of.
func (s *scene) settled(ctx context.Context, sub *subscriber) (t truth, err error) {
	for began := time.Now(); ; {
		if t, err = readTruth(ctx, s.pair.Variable("DATABASE_URL")); err != nil {
			return t, err
		}
		missing, _ := sub.account(t.committed)
		if missing == 0 && t.unpublished == 0 || time.Since(began) > settleFor || !pause(ctx, 200*time.Millisecond) {
			return t, ctx.Err()
		}
	}
}

func (s *scene) judge(t *traders, j *joiners, v *revoker, sub *subscriber, truth truth, injections []injection) *Result {
	r := &Result{
		Seed: s.Seed, Crippled: s.Crippled, Length: s.Length, Injections: injections,
		Operations: s.tally.total(), Hits: s.tally.hits, Reads: s.tally.reads, By: s.tally.by, Codes: s.tally.codes,
		Keys: len(t.log.keys), Groups: len(j.log.keys), Aborted: truth.aborted,
		RevokedTokens: len(v.dead), Shown: v.asked, Flushes: fmt.Sprint(sub.flushes),
	}
	for i := range injections {
		until := s.Length.Nanoseconds()
		if i+1 < len(injections) {
			until = injections[i+1].begin
		}
		injections[i].down = time.Duration(s.tally.down(injections[i].begin, until) * window)
	}
	for _, versions := range truth.committed {
		r.Events += len(versions)
	}
	began := time.Now()
	court := court{s.Stories}
	var slow []string
	r.Findings.Items, r.Findings.Undecided = court.items(t.log, truth)
	r.Findings.Lists, slow = court.lists(j.log, truth)
	r.Findings.Undecided = append(r.Findings.Undecided, slow...)
	r.Findings.Tokens = v.let
	r.Findings.Unpublished = truth.unpublished
	r.Findings.Missing, r.Findings.Disordered = sub.account(truth.committed)
	s.say("judged %d operations in %.1f s", r.Operations, time.Since(began).Seconds())
	return r
}
