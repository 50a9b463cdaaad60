package coherent

import (
	"context"
	_ "embed"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/epoch"
	"tandem.example/pkg/internal/sabotage"
)

//go:embed mark.lua
var markLua string

//go:embed unmark.lua
var unmarkLua string

//go:embed lease.lua
var leaseLua string

//go:embed fill.lua
var fillLua string

var (
	markScript   = redis.NewScript(markLua)
	unmarkScript = redis.NewScript(unmarkLua)
	leaseScript  = redis.NewScript(leaseLua)
	fillScript   = redis.NewScript(fillLua)
)

func keys(e *epoch.Epoch, cell Cell) []string {
	return []string{cell.key(e.Number(), "v"), cell.key(e.Number(), "m")}
}

// mark returns nil once the marker is acknowledged on every cell, in an epoch
// that is held.
func mark(ctx context.Context, e *epoch.Epoch, cells []Cell, token string) error {
	if sabotage.Without("marker") {
		return e.Held()
	}
	calls := []call{registration(e, cells, token)}
	for _, cell := range cells {
		calls = append(calls, call{markScript, keys(e, cell), []any{token, softFor.Milliseconds()}})
	}
	if err := each(ctx, e, calls); err != nil {
		return epoch.Unavailable(err)
	}
	if sabotage.Without("deadline") { // then markers end by themselves
		for _, cell := range cells {
			e.Redis().PExpire(ctx, cell.key(e.Number(), "m"), softFor/5)
		}
	}
	return e.Held()
}

// unmark takes the token off every cell. With a version it also drops what is
// older, and on the item it leaves the entry, if that has a body and no other
// writer is at work there; on a scope it leaves a note.
func (k codec) unmark(ctx context.Context, e *epoch.Epoch, cells []Cell, token string, item Cell, entry Entry) error {
	version := ""
	if entry.Version > 0 {
		version = encodeVersion(entry.Version)
	}
	calls, names := make([]call, len(cells)), make([]string, len(cells))
	for i, cell := range cells {
		names[i] = marker{token, cell}.name()
		var blob []byte
		noted := settledWrites
		if cell == item {
			noted = 0 // a value tells its version itself
			if version != "" && entry.Body != nil {
				blob = k.encode(entry)
			}
		}
		calls[i] = call{
			unmarkScript, append(keys(e, cell), settledKey(e, cell)),
			[]any{token, version, blob, lifetime(entry.Life), noted, settledLife.Milliseconds()},
		}
	}
	if err := each(ctx, e, calls); err != nil {
		return err
	}
	return deregister(ctx, e, names)
}

// grant is what LEASE answered.
type grant struct {
	token   string // of our lease, if we have it
	other   string // of somebody else's
	entry   Entry  // if somebody filled the cell meanwhile
	hit     bool
	foreign bool // they filled it in another codec
	marked  bool
	overdue string // token of a marker past its deadline
}

func (k codec) lease(ctx context.Context, e *epoch.Epoch, cell Cell, token string, life int64) (grant, error) {
	reply, err := leaseScript.Run(ctx, e.Redis(), keys(e, cell), token, life).Text()
	if err != nil {
		return grant{}, epoch.Unavailable(err)
	}
	return k.granted(reply, token), nil
}

// granted reads the answer to a LEASE with that token.
func (k codec) granted(reply, token string) grant {
	switch reply[0] {
	case 'O':
		return grant{token: token}
	case leaseMark:
		return grant{other: reply[1:]}
	case 'P':
		return grant{marked: true}
	case 'X':
		return grant{marked: true, overdue: reply[1:]}
	}
	entry, hit := k.decode([]byte(reply))
	return grant{entry: entry, hit: hit, foreign: !hit}
}

// fill stores an entry under a lease and tells whether it still was ours.
func (k codec) fill(ctx context.Context, e *epoch.Epoch, cell Cell, token string, entry Entry) (bool, error) {
	at := keys(e, cell)
	if sabotage.Without("lease") {
		err := e.Redis().Set(ctx, at[0], k.encode(entry), valueLife).Err()
		return err == nil, err
	}
	n, err := fillScript.Run(ctx, e.Redis(), append(at, at[0]), token, k.encode(entry), lifetime(entry.Life)).Int()
	return n == 1, err
}

// fillList stores a list under its scope's generation and tells whether that
// still was the current one.
func (k codec) fillList(ctx context.Context, e *epoch.Epoch, list List, generation string, entry Entry) (bool, error) {
	at := append(keys(e, list.Scope), list.key(e.Number(), k))
	n, err := fillScript.Run(ctx, e.Redis(), at, generation, encodeList(generation, entry.Body), lifetime(entry.Life)).Int()
	return n == 1, err
}

// lifetime spreads expiries, so that what was filled together does not end
// together. It is in milliseconds.
func lifetime(life time.Duration) int64 {
	if life <= 0 {
		life = valueLife
	}
	return max(1, (life - rand.N(life/10+1)).Milliseconds()) //nolint:gosec // jitter, not a secret
}

func newToken() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// newLease tells readers apart for as long as a lease lasts.
func newLease() string {
	return strconv.FormatUint(rand.Uint64(), 36) //nolint:gosec // it guards nothing
}
