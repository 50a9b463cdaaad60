package clerksession

import (
	"context"
	"time"

	"golang.org/x/sync/singleflight"
)

// callFor bounds one question to Clerk with its repetition.
const callFor = 4 * time.Second

// flights lets callers that ask the same at the same time share one answer. The
// question outlives the caller that began it, within its own deadline.
type flights[T any] struct{ group singleflight.Group }

func (f *flights[T]) do(ctx context.Context, key string, ask func(context.Context) (T, error)) (T, error) {
	var none T
	answer := f.group.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callFor)
		defer cancel()
		return ask(ctx)
	})
	select {
	case <-ctx.Done():
		return none, ErrUnavailable.Because(ctx.Err())
	case got := <-answer:
		if got.Err != nil {
			return none, got.Err
		}
		value, _ := got.Val.(T)
		return value, nil
	}
}
