package resources

import (
	"context"
	"strings"
	"sync"

	"tandem.example/pkg/coherent"
)

// Homes are the regions that tenants are at home in, as the database has them.
type Homes interface {
	// Home is empty for a tenant that never wrote anything.
	Home(ctx context.Context, tenant string) (string, error)
	// Claim makes the region the home of a tenant that has none yet.
	Claim(ctx context.Context, tenant, region string) error
}

// maxHomes bounds what is remembered. A tenant that is forgotten costs a question
// at its next creation.
const maxHomes = 1 << 16

// homes remembers where tenants are at home: whose resources are cached in this
// region, and in which region a write marks what it changes. A home never changes,
// so it is remembered for good. It is safe for concurrent use.
type homes struct {
	own   string
	store Homes

	mu    sync.RWMutex // guards known
	known map[string]string
}

func newHomes(own string, store Homes) *homes {
	return &homes{own: own, store: store, known: make(map[string]string)}
}

func (h *homes) find(tenant string) string {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.known[tenant]
}

// learn remembers a home that was read; there may be none.
func (h *homes) learn(tenant, home string) {
	if home == "" || h.find(tenant) == home {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.known) >= maxHomes {
		for any := range h.known {
			delete(h.known, any)
			break
		}
	}
	h.known[strings.Clone(tenant)] = home
}

// away tells of a tenant that is known to be at home in another region.
func (h *homes) away(tenant string) bool {
	home := h.find(tenant)
	return home != "" && home != h.own
}

// of asks the database if it must.
func (h *homes) of(ctx context.Context, tenant string) (home string, err error) {
	if home = h.find(tenant); home != "" {
		return home, nil
	}
	if home, err = h.store.Home(ctx, tenant); err == nil { // model: home.pml, HOME
		h.learn(tenant, home)
	}
	return home, err
}

// claim is of, for a tenant that is about to write: where it has no home yet, this
// region becomes it, unless another is quicker. So there is a home before there is
// any resource, and a reader who finds none has found nothing that could be stored.
func (h *homes) claim(ctx context.Context, tenant string) (string, error) {
	home, err := h.of(ctx, tenant)
	if err != nil || home != "" {
		return home, err
	}
	if err := h.store.Claim(ctx, tenant, h.own); err != nil { // model: home.pml, CLAIM
		return "", err
	}
	return h.of(ctx, tenant)
}

// entry is the resource as it is cached, if this region is where it is.
func (h *homes) entry(r Resource) (coherent.Entry, error) {
	h.learn(r.Tenant, r.home)
	entry, err := r.Entry()
	entry.Elsewhere = r.home != h.own
	return entry, err
}
