package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

func cutLink(ctx context.Context, s *scene, r *rand.Rand) (string, error) {
	p := s.links.any(r)
	p.Stop()
	spell(ctx, r, 100*time.Millisecond, 3*time.Second)
	return p.Name, p.Start()
}

// resetLink ends the connections of the moment; new ones can be made at once.
func resetLink(_ context.Context, s *scene, r *rand.Rand) (string, error) {
	p := s.links.any(r)
	p.Stop()
	return p.Name, p.Start()
}

func delayLink(ctx context.Context, s *scene, r *rand.Rand) (string, error) {
	return s.poisoned(ctx, r, "latency", fmt.Sprintf(`"latency":%d,"jitter":%d`, 20+r.IntN(400), r.IntN(100)))
}

// stallLink keeps all connections and lets nothing through.
func stallLink(ctx context.Context, s *scene, r *rand.Rand) (string, error) {
	return s.poisoned(ctx, r, "timeout", `"timeout":0`)
}

func (s *scene) poisoned(ctx context.Context, r *rand.Rand, kind, attributes string) (string, error) {
	p := s.links.any(r)
	streams := [][]string{{"upstream"}, {"downstream"}, {"upstream", "downstream"}}[r.IntN(3)]
	var err error
	for _, stream := range streams {
		err = errors.Join(err, poison(p, kind, stream, attributes))
	}
	spell(ctx, r, time.Second, 6*time.Second)
	p.Toxics.ResetToxics(context.WithoutCancel(ctx))
	return fmt.Sprintf("%s %v", p.Name, streams), err
}

// promoteReplica makes a primary of the replica and leads the instances to it
// one after the other, while the old primary goes on answering the rest; then
// that one becomes the replica.
func promoteReplica(ctx context.Context, s *scene, r *rand.Rand) (string, error) {
	next := map[string]string{"redis": "redis-2", "redis-2": "redis"}[s.primary]
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
