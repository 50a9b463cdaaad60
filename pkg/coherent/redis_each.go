package coherent

import (
	"cmp"
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/epoch"
)

// call is one run of a script, on the keys of one cell.
type call struct {
	script *redis.Script
	keys   []string
	args   []any
}

// each makes the calls in order, all in one round trip. The error is the first of
// any run.
func each(ctx context.Context, e *epoch.Epoch, calls []call) error {
	for _, reply := range answers(ctx, e, calls) {
		if reply.Err() != nil {
			return reply.Err()
		}
	}
	return nil
}

// answers makes the calls in order, all in one round trip: what one run touches
// lies in one hash slot, so several cells need several runs. A server that does
// not know a script yet gets its text in a second round trip. Each reply has an
// error of its own.
func answers(ctx context.Context, e *epoch.Epoch, calls []call) []*redis.Cmd {
	replies := make([]*redis.Cmd, len(calls))
	if len(calls) == 1 {
		replies[0] = calls[0].script.Run(ctx, e.Redis(), calls[0].keys, calls[0].args...)
		return replies
	}
	pipe := e.Redis().Pipeline()
	for i, c := range calls {
		replies[i] = c.script.EvalSha(ctx, pipe, c.keys, c.args...)
	}
	send(ctx, pipe, replies)
	again := 0
	for i, c := range calls {
		if unknown(replies[i].Err()) {
			replies[i] = c.script.Eval(ctx, pipe, c.keys, c.args...)
			again++
		}
	}
	if again > 0 {
		send(ctx, pipe, replies)
	}
	return replies
}

// send makes the round trip. The client leaves the replies as they are, with
// no error, when a connection could not be made since the server gave a reason of
// its own, such as a wrong password; but a script that ran has a value.
func send(ctx context.Context, pipe redis.Pipeliner, replies []*redis.Cmd) {
	_, err := pipe.Exec(ctx)
	for _, reply := range replies {
		if reply.Err() == nil && reply.Val() == nil {
			reply.SetErr(cmp.Or(err, errUnanswered))
		}
	}
}

var errUnanswered = errors.New("a script was not answered")

// unknown tells a script that was not run for want of its text.
func unknown(err error) bool { return redis.HasErrorPrefix(err, "NOSCRIPT") }
