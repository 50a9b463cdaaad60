package users

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// tidyAfter bounds how often memory is given back, which costs a collection.
const tidyAfter = 5 * time.Second

// Hasher hashes passwords, no more at a time than there are processors. So all
// hashing together takes no more memory than they need at once, and as much again
// that is not collected yet. It is safe for concurrent use.
type Hasher struct {
	slots   chan struct{}
	queue   int64 // how many may wait
	waiting atomic.Int64
	tidying atomic.Bool
	dummy   string // a hash without a password: checking against it costs the same
	hashed  prometheus.Counter
}

// NewHasher makes a pool. Reg may be nil.
func NewHasher(cfg Config, reg prometheus.Registerer) *Hasher {
	random := make([]byte, saltSize+hashSize)
	_, _ = rand.Read(random) // never fails
	none := params{memory: memoryKiB, time: rounds, lanes: lanes, salt: random[:saltSize], sum: random[saltSize:]}
	slots := runtime.GOMAXPROCS(0)
	h := &Hasher{
		slots: make(chan struct{}, slots), queue: int64(cfg.Queue * slots), dummy: none.String(),
		hashed: prometheus.NewCounter(prometheus.CounterOpts{Name: "auth_password_hashes_total", Help: "Passwords hashed."}),
	}
	if reg != nil {
		reg.MustRegister(h.hashed, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "auth_password_waiting", Help: "Attempts that wait for a place to hash.",
		}, func() float64 { return float64(h.waiting.Load()) }))
	}
	return h
}

// acquire waits for a slot. It returns ErrBusy when too many wait already.
func (h *Hasher) acquire(ctx context.Context) error {
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > h.queue {
		return ErrBusy
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ErrBusy.Because(ctx.Err())
	}
}

// release leaves the slot. After a burst the memory goes back to the system: by
// itself the runtime would keep three times a hash's for minutes.
func (h *Hasher) release() {
	<-h.slots
	if len(h.slots) == 0 && h.tidying.CompareAndSwap(false, true) {
		time.AfterFunc(tidyAfter, func() {
			h.tidying.Store(false)
			debug.FreeOSMemory()
		})
	}
}

// within runs work while it has a slot. It returns [ErrBusy] when the pool is
// full, or what work returns.
func (h *Hasher) within(ctx context.Context, work func() error) error {
	if err := h.acquire(ctx); err != nil {
		return err
	}
	defer h.release()
	return work()
}

// Hash returns the PHC string of a password. It returns [ErrBusy] when the pool
// is full.
func (h *Hasher) Hash(ctx context.Context, password string) (phc string, err error) {
	err = h.within(ctx, func() error { phc = h.make(password); return nil })
	return phc, err
}

// make hashes with a new salt; the caller has a slot.
func (h *Hasher) make(password string) string {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	p := params{memory: memoryKiB, time: rounds, lanes: lanes, salt: salt}
	h.hashed.Inc()
	p.sum = p.hash(password)
	return p.String()
}

// matches hashes as p was hashed; the caller has a slot.
func (h *Hasher) matches(p *params, password string) bool {
	h.hashed.Inc()
	return subtle.ConstantTimeCompare(p.hash(password), p.sum) == 1
}
