package idempotency

import (
	"context"
	"fmt"
	"time"

	"tandem.example/pkg/epoch"
)

const (
	flightFor = 30 * time.Second // longer than a request may take, unless it was allowed more
	endFor    = time.Second
)

// Redis is the flights of a region. Where it fails, a request waits for as long as
// any other.
type Redis struct{ epochs *epoch.Keeper }

// NewRedis makes the flights over the region's current Redis.
func NewRedis(epochs *epoch.Keeper) *Redis { return &Redis{epochs} }

// Begin implements [Flights].
func (f *Redis) Begin(ctx context.Context, r Request) (first bool, end func()) {
	e, err := f.epochs.Current()
	if err != nil {
		return true, func() {}
	}
	key := fmt.Sprintf("cache:%d:{requests/%s}", e.Number(), r)
	first, err = e.Redis().SetNX(ctx, key, "", flightFor).Result()
	if err == nil && !first {
		return false, func() {}
	}
	return true, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endFor)
		defer cancel()
		_ = e.Redis().Del(ctx, key).Err() // else it expires
	}
}
