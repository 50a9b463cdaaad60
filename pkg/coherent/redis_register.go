package coherent

import (
	"context"
	_ "embed"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/epoch"
)

// The register of an epoch is a sorted set: each marker's token and cell, by its
// soft deadline. It is what a SCAN would find, at the price of the markers alone
// instead of all keys, and without the right to list keys that are others'.
// Nothing that a read returns rests on it.

//go:embed register.lua
var registerLua string

//go:embed overdue.lua
var overdueLua string

var (
	registerScript = redis.NewScript(registerLua)
	overdueScript  = redis.NewScript(overdueLua)
)

// marker is one writer's token on one cell.
type marker struct {
	token string
	cell  Cell
}

const tokenSize = 36 // of a UUID

func (m marker) name() string { return m.token + "/" + string(m.cell) }

func markerOf(name string) (marker, bool) {
	if len(name) <= tokenSize+1 || name[tokenSize] != '/' {
		return marker{}, false
	}
	return marker{name[:tokenSize], Cell(name[tokenSize+1:])}, true
}

func registerKey(number int64) string { return Cell("markers").key(number, "z") }

// registration is the call that goes before those of MARK.
func registration(e *epoch.Epoch, cells []Cell, token string) call {
	args := []any{softFor.Milliseconds()}
	for _, cell := range cells {
		args = append(args, marker{token, cell}.name())
	}
	return call{registerScript, []string{registerKey(e.Number())}, args}
}

// deregister comes after UNMARK, in a round trip of its own: a name without a
// marker is met by the janitor, a marker without a name is not.
func deregister(ctx context.Context, e *epoch.Epoch, names []string) error {
	return e.Redis().ZRem(ctx, registerKey(e.Number()), anys(names)...).Err()
}

func anys(names []string) []any {
	members := make([]any, len(names))
	for i, name := range names {
		members[i] = name
	}
	return members
}

// state is what the register holds.
type state struct {
	markers int64
	age     time.Duration // since the oldest was set, 0 if there is none
	overdue []string      // names, the oldest first, for the one whose turn it is
}

// inspect reads the register. With a limit it also names overdue markers.
func inspect(ctx context.Context, e *epoch.Epoch, who string, turn, late time.Duration, limit int) (state, error) {
	at := []string{registerKey(e.Number()), Cell("markers").key(e.Number(), "t")}
	reply, err := overdueScript.Run(ctx, e.Redis(), at, who, turn.Milliseconds(), late.Milliseconds(), limit).Slice()
	if err != nil {
		return state{}, epoch.Unavailable(err)
	}
	if err := e.Held(); err != nil {
		return state{}, err
	}
	var s state
	for i, part := range reply {
		switch value := part.(type) {
		case int64:
			s.markers = value
		case string:
			if i > 1 {
				s.overdue = append(s.overdue, value)
			} else if left, err := strconv.ParseInt(value, 10, 64); err == nil {
				s.age = max(0, softFor-time.Duration(left)*time.Millisecond)
			}
		}
	}
	return s, nil
}

// forget deletes up to limit markers of an epoch that is over, and tells how
// many there were.
func forget(ctx context.Context, e *epoch.Epoch, past, limit int64) (int, error) {
	names, err := e.Redis().ZRange(ctx, registerKey(past), 0, limit-1).Result()
	if err != nil || len(names) == 0 {
		return 0, err
	}
	pipe := e.Redis().Pipeline()
	for _, name := range names {
		if m, ok := markerOf(name); ok {
			pipe.Unlink(ctx, m.cell.key(past, "m"))
		}
	}
	pipe.ZRem(ctx, registerKey(past), anys(names)...) // last: what is cut short is found again
	_, err = pipe.Exec(ctx)
	return len(names), err
}
