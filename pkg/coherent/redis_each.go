package coherent

import (
	"context"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/epoch"
)

// call is one run of a script, on the keys of one cell.
type call struct {
	script *redis.Script
	keys   []string
	args   []any
}

// each makes the calls in order, all in one round trip: what one run touches
// lies in one hash slot, so several cells need several runs. A server that does
// not know a script yet gets its text in a second round trip. The error is the
// first of any run.
func each(ctx context.Context, e *epoch.Epoch, calls []call) error {
	if len(calls) == 1 {
		return calls[0].script.Run(ctx, e.Redis(), calls[0].keys, calls[0].args...).Err()
	}
	replies := make([]*redis.Cmd, len(calls))
	pipe := e.Redis().Pipeline()
	for i, c := range calls {
		replies[i] = c.script.EvalSha(ctx, pipe, c.keys, c.args...)
	}
	_, err := pipe.Exec(ctx)
	if !unknown(err) {
		return err
	}
	for i, c := range calls {
		if unknown(replies[i].Err()) {
			replies[i] = c.script.Eval(ctx, pipe, c.keys, c.args...)
		}
	}
	_, _ = pipe.Exec(ctx) // each reply has its own error
	for _, reply := range replies {
		if reply.Err() != nil {
			return reply.Err()
		}
	}
	return nil
}

// unknown tells a script that was not run for want of its text.
func unknown(err error) bool { return redis.HasErrorPrefix(err, "NOSCRIPT") }
