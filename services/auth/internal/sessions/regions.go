package sessions

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"tandem.example/pkg/epoch"
)

// ErrElsewhere is why an end is not acknowledged that has been done in this region:
// the Redis of another could not be reached. What is there ends later.
var ErrElsewhere = errors.New("another region has not heard of it")

// Everywhere does something to the Redis of every region, to all at once, and adds
// up what it did. A session lives where it was begun; but only of a Redis that was
// asked is it known that it does not hold it. An error that wraps ErrElsewhere, a
// 503, says that it was done in this region; with any other it may not have been.
func Everywhere(ctx context.Context, epochs Epochs, do func(context.Context, *epoch.Epoch) (int64, error)) (total int64, _ error) {
	regions, away := epochs.Everywhere()
	if len(regions) == 0 {
		return 0, away
	}
	counts, errs := make([]int64, len(regions)), make([]error, len(regions))
	var others sync.WaitGroup
	for i, e := range regions[1:] {
		others.Go(func() {
			if counts[i+1], errs[i+1] = do(ctx, e); errs[i+1] != nil {
				errs[i+1] = fmt.Errorf("redis of %s: %w", e.Region(), errs[i+1])
			}
		})
	}
	counts[0], errs[0] = do(ctx, regions[0])
	others.Wait()
	for _, n := range counts {
		total += n
	}
	if errs[0] != nil {
		return total, errs[0]
	}
	if err := errors.Join(errors.Join(errs...), away); err != nil {
		return total, fmt.Errorf("%w: %w", ErrElsewhere, err)
	}
	return total, nil
}
