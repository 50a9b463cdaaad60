package chaos

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"time"
)

func (s *scene) dump() string { return s.pair.Stack().RedisDump(s.primary) }

func emptyRedis(ctx context.Context, s *scene, _ string, r *rand.Rand) (string, error) {
	if err := os.Remove(s.dump()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return s.restart(ctx, s.primary, r, time.Second)
}

// oldRedis brings back what Redis held a while ago: values that were changed
// since, markers that were taken off, tokens that were revoked.
func oldRedis(ctx context.Context, s *scene, _ string, r *rand.Rand) (string, error) {
	if err := s.pair.Stack().SaveRedis(context.WithoutCancel(ctx), s.primary); err != nil {
		return "", err
	}
	spell(ctx, r, 500*time.Millisecond, 3*time.Second)
	return s.restart(ctx, s.primary, r, 500*time.Millisecond)
}

func killNATS(ctx context.Context, s *scene, _ string, r *rand.Rand) (string, error) {
	return s.restart(ctx, "nats", r, 3*time.Second)
}

func killDatabase(ctx context.Context, s *scene, _ string, r *rand.Rand) (string, error) {
	return s.restart(ctx, s.pair.Stack().Database(), r, 2*time.Second)
}

func pauseDatabase(ctx context.Context, s *scene, _ string, r *rand.Rand) (string, error) {
	name := s.pair.Stack().Database()
	if err := s.pair.Stack().Pause(name); err != nil {
		return name, err
	}
	spell(ctx, r, time.Second, 6*time.Second)
	return name, s.pair.Stack().Resume(name)
}

// forceRetries has the database refuse three writes in ten as if they had met
// others.
func forceRetries(ctx context.Context, s *scene, _ string, r *rand.Rand) (string, error) {
	if s.pair.Stack().Database() != "postgres" {
		return "", errMissed
	}
	url := s.pair.Variable("DATABASE_URL")
	if err := execute(context.WithoutCancel(ctx), url, refuseSome); err != nil {
		return "", err
	}
	spell(ctx, r, 500*time.Millisecond, 4*time.Second)
	return "", execute(context.WithoutCancel(ctx), url, refuseNone)
}

// restart kills a server, and starts it again after a while at most that long.
func (s *scene) restart(ctx context.Context, name string, r *rand.Rand, most time.Duration) (string, error) {
	if err := s.pair.Stack().Kill(name); err != nil {
		return "", err
	}
	spell(ctx, r, 0, most)
	return name, s.pair.Stack().Start(context.WithoutCancel(ctx), name)
}
