package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

func cutLink(ctx context.Context, s *scene, name string, r *rand.Rand) (string, error) {
	p := s.links.proxies[name]
	p.Stop()
	spell(ctx, r, 100*time.Millisecond, 3*time.Second)
	return "", p.Start()
}

// resetLink ends the connections of the moment as a peer does that knows nothing
// of them (RST); new ones can be made soon after.
func resetLink(ctx context.Context, s *scene, name string, r *rand.Rand) (string, error) {
	err := poison(s.links.proxies[name], "reset_peer", `"timeout":0`, "downstream", "upstream")
	spell(ctx, r, 50*time.Millisecond, 250*time.Millisecond)
	s.links.cure(ctx, name)
	return "", err
}

func delayLink(ctx context.Context, s *scene, name string, r *rand.Rand) (string, error) {
	return s.poisoned(ctx, r, name, "latency", fmt.Sprintf(`"latency":%d,"jitter":%d`, 20+r.IntN(400), r.IntN(100)))
}

// stallLink keeps all connections and lets nothing through.
func stallLink(ctx context.Context, s *scene, name string, r *rand.Rand) (string, error) {
	return s.poisoned(ctx, r, name, "timeout", `"timeout":0`)
}

func (s *scene) poisoned(ctx context.Context, r *rand.Rand, name, kind, attributes string) (string, error) {
	streams := [][]string{{"upstream"}, {"downstream"}, {"upstream", "downstream"}}[r.IntN(3)]
	err := poison(s.links.proxies[name], kind, attributes, streams...)
	spell(ctx, r, time.Second, 4*time.Second)
	s.links.cure(ctx, name)
	return fmt.Sprint(streams), err
}

// partitionNATS cuts it off from every instance, while others still reach it.
func partitionNATS(ctx context.Context, s *scene, _ string, r *rand.Rand) (string, error) {
	names := linksTo("nats")(s)
	for _, name := range names {
		s.links.proxies[name].Stop()
	}
	spell(ctx, r, 500*time.Millisecond, 3*time.Second)
	var err error
	for _, name := range names {
		err = errors.Join(err, s.links.proxies[name].Start())
	}
	return "", err
}

// natsWhole is NATS and the link of every instance to it.
func natsWhole(s *scene) []string { return []string{strings.Join(linksTo("nats")(s), and)} }

// redisWhole is all of Redis: no link to it is to be led elsewhere and cut at once.
func redisWhole(s *scene) []string {
	return []string{strings.Join(append(linksTo("redis")(s), "redis"), and)}
}

// promoteReplica makes a primary of the replica and leads the instances to it
// one after the other, while the old primary goes on answering the rest; then
// that one becomes the replica.
func promoteReplica(ctx context.Context, s *scene, _ string, r *rand.Rand) (string, error) {
	next := map[string]string{"redis": "redis-replica", "redis-replica": "redis"}[s.primary]
	stack := s.pair.Stack()
	late := context.WithoutCancel(ctx)
	if err := stack.Follow(late, next, ""); err != nil {
		return next, err
	}
	instances := s.pair.Instances()
	for _, n := range r.Perm(len(instances)) {
		if err := s.links.lead(instances[n].Name, "redis", stack.RedisAddress(next)); err != nil {
			return next, err
		}
		spell(ctx, r, 0, 1500*time.Millisecond)
	}
	old := s.primary
	s.primary = next
	return next, stack.Follow(late, old, next)
}
