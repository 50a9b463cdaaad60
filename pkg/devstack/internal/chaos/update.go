package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/internal/pair"
)

// Release is the two services as they were built from one source.
type Release struct{ Name, Authd, Resourcesd string }

func (r Release) binary(role string) string {
	if role == devstack.Auth {
		return r.Authd
	}
	return r.Resourcesd
}

const (
	perService     = 2               // instances of each service
	drainDelay     = "2s"            // many times what the balancer needs to notice
	sideBySide     = 400             // answers between one replacement and the next
	neighbourAfter = 3 * time.Second // there is another service
	updateWithin   = 5 * time.Minute // all of it; it takes less than one
)

// Update starts the first release, and replaces it by the next ones, in their
// order, instance by instance and both services at once, while clients work. It
// judges what they saw as a campaign does; besides, no request may be lost.
func Update(ctx context.Context, c Config, releases []Release) (_ *Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, updateWithin)
	defer cancel()
	s := &scene{Config: c, clock: clock{time.Now()}, tally: newTally(), links: newLinks()}
	c.Pair.Authd, c.Pair.Resourcesd = releases[0].Authd, releases[0].Resourcesd
	s.Length = 3 * neighbourAfter
	c.Pair.Auths, c.Pair.Resources = perService, perService
	c.Pair.Rewire = func(_ string, _ *devstack.Stack, env []string) ([]string, error) {
		return append(env, "HTTP_DRAIN_DELAY="+drainDelay), nil
	}
	if err := os.MkdirAll(c.Stories, 0o750); err != nil {
		return nil, err
	}
	if s.pair, err = pair.Hold(ctx, c.Pair); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.pair.Close(ctx)) }()
	defer s.links.close()
	u := &update{scene: s}
	return u.play(ctx, releases)
}

type update struct {
	*scene
	balancer *balancer
	keeper   *keeper
}

func (u *update) play(ctx context.Context, releases []Release) (_ *Result, err error) {
	if u.balancer, err = newBalancer(ctx, u.pair.Variable("CA_FILE")); err != nil {
		return nil, err
	}
	for _, i := range u.pair.Instances() {
		u.balancer.admit(i)
	}
	ask := &asker{http: &http.Client{Transport: u.balancer}, clock: u.clock, tally: u.tally, patient: true}
	front := targets{{name: devstack.Resources, url: "https://" + devstack.Resources}}
	u.assemble(ctx, ask, front, []string{"https://" + devstack.Auth})
	u.keeper = &keeper{office: u.revoker.office, targets: front}
	sub, err := u.listen(ctx)
	if err != nil {
		return nil, err
	}
	if err := u.keeper.begin(ctx, u.keys); err != nil {
		return nil, err
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	var group sync.WaitGroup
	u.employ(working, &group)
	group.Go(func() { u.keeper.work(working) })
	for _, next := range releases[1:] {
		if err = u.roll(ctx, next); err != nil {
			break
		}
	}
	stop()
	group.Wait()
	if err != nil {
		lost := u.lost()
		return nil, fmt.Errorf("%w\n%s", err, strings.Join(lost[:min(lostShown, len(lost))], "\n"))
	}
	result, err := u.conclude(ctx, sub, nil)
	if err != nil {
		return nil, err
	}
	result.Findings.Lost, result.Length = u.lost(), time.Duration(u.clock.now()).Round(time.Second)
	left, err := awaitAudit(ctx, u.pair.Variable("DATABASE_URL"))
	result.Findings.Unpublished += left
	return result, err
}

// roll brings the schema to where the next release wants it, and replaces all
// instances by its own.
func (u *update) roll(ctx context.Context, next Release) error {
	began := time.Now()
	for _, role := range []string{devstack.Auth, devstack.Resources} {
		if err := u.pair.Migrate(ctx, role, next.binary(role)); err != nil {
			return err
		}
	}
	group, working := errgroup.WithContext(ctx)
	for role, olds := range byRole(u.pair.Instances()) {
		group.Go(func() error { return u.replace(working, role, olds, next) })
	}
	err := group.Wait()
	u.say("%s in place after %.1f s", next.Name, time.Since(began).Seconds())
	return err
}

func byRole(instances []pair.Instance) map[string][]pair.Instance {
	roles := map[string][]pair.Instance{}
	for _, i := range instances {
		roles[i.Role] = append(roles[i.Role], i)
	}
	return roles
}

// replace puts a new instance beside each old one, lets both serve for a while,
// and has the old one end. The next one need not wait for that end.
func (u *update) replace(ctx context.Context, role string, olds []pair.Instance, next Release) error {
	ends, leaving := errgroup.WithContext(ctx)
	for n, old := range olds {
		name := fmt.Sprintf("%s-%s-%d", role, next.Name, n+1)
		joined, err := u.pair.Join(ctx, name, role, next.binary(role))
		if err != nil {
			return errors.Join(err, ends.Wait())
		}
		u.balancer.admit(joined)
		u.awaitAnswers(ctx)
		ends.Go(func() error {
			err := u.pair.Leave(leaving, old.Name)
			u.balancer.dismiss(old)
			return err
		})
	}
	return ends.Wait()
}

// awaitAnswers waits until clients were answered a number of times, unless they no
// longer are.
func (u *update) awaitAnswers(ctx context.Context) {
	_, before := u.tally.totals()
	for began := time.Now(); time.Since(began) < patience && pause(ctx, 20*time.Millisecond); {
		if _, now := u.tally.totals(); now-before >= sideBySide {
			return
		}
	}
}

// lost is what clients asked for and did not get.
func (u *update) lost() []string {
	u.balancer.mu.Lock()
	defer u.balancer.mu.Unlock()
	all := slices.Concat(u.balancer.lost, u.keeper.broken)
	for _, what := range sortedKeys(u.tally.refused) {
		if !strings.HasPrefix(what, "ended token: ") {
			all = append(all, fmt.Sprintf("%s, %d times", what, u.tally.refused[what]))
		}
	}
	return all
}

const lostShown = 20

// WriteUpdate tells about an update as Markdown.
func (r *Result) WriteUpdate(out io.Writer) error {
	var b strings.Builder
	r.tell(&b)
	lost := r.Findings.Lost
	fmt.Fprintf(&b, "%d requests lost.\n", len(lost))
	for _, what := range lost[:min(lostShown, len(lost))] {
		fmt.Fprintf(&b, "- %s\n", what)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
