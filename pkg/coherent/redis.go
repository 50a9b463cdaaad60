package coherent

import (
	"context"
	_ "embed"
	"math/rand/v2"
	"strconv"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/epoch"
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

// mark returns nil once the marker is acknowledged in an epoch that is held.
func mark(ctx context.Context, e *epoch.Epoch, cell Cell, token string) error {
	err := markScript.Run(ctx, e.Redis(), keys(e, cell), token, softFor.Milliseconds()).Err()
	if err != nil {
		return epoch.Unavailable(err)
	}
	return e.Held()
}

// unmark takes the token away. With a version it also drops what is older, and
// with a body it leaves the value, if no other writer is at work.
func unmark(ctx context.Context, e *epoch.Epoch, cell Cell, token string, entry Entry) error {
	version, blob := "", []byte(nil)
	if entry.Version > 0 {
		version = encodeVersion(entry.Version)
		if entry.Body != nil {
			blob = encode(entry)
		}
	}
	return unmarkScript.Run(ctx, e.Redis(), keys(e, cell), token, version, blob, lifetime()).Err()
}

// grant is what LEASE answered.
type grant struct {
	token   string // of our lease, if we have it
	entry   Entry  // if somebody filled the cell meanwhile
	hit     bool
	marked  bool
	overdue string // token of a marker past its deadline
}

func lease(ctx context.Context, e *epoch.Epoch, cell Cell) (grant, error) {
	token := strconv.FormatUint(rand.Uint64(), 36) //nolint:gosec // tells readers apart, guards nothing
	reply, err := leaseScript.Run(ctx, e.Redis(), keys(e, cell), token, leaseLife.Milliseconds()).Text()
	if err != nil {
		return grant{}, epoch.Unavailable(err)
	}
	switch reply[0] {
	case 'O':
		return grant{token: token}, nil
	case 'P':
		return grant{marked: true}, nil
	case 'X':
		return grant{marked: true, overdue: reply[1:]}, nil
	}
	entry, hit := decode([]byte(reply))
	return grant{entry: entry, hit: hit}, nil
}

// fill stores an entry under a lease and tells whether it still was ours.
func fill(ctx context.Context, e *epoch.Epoch, cell Cell, token string, entry Entry) (bool, error) {
	n, err := fillScript.Run(ctx, e.Redis(), keys(e, cell), token, encode(entry), lifetime()).Int()
	return n == 1, err
}

// lifetime spreads expiries, so that what was filled together does not end
// together.
func lifetime() int64 {
	return (valueLife - rand.N(valueLife/10)).Milliseconds() //nolint:gosec // jitter, not a secret
}

func newToken() uuid.UUID { return uuid.Must(uuid.NewV7()) }
