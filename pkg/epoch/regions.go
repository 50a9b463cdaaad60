package epoch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.uber.org/zap"
)

// Regions are the Redis of every region that this process can reach: its own and
// those of its peers. It is safe for concurrent use.
//
// Whatever must be done in every region asks [Regions.Everywhere] which those are.
// The answer is as good as a lease: each process reads the names of all regions
// with its own row, and a region that is new opens only when every lease has ended
// that did not know it. So what was committed to the database before the question
// is seen by the recovery of each region that is not in the answer.
type Regions struct {
	own   *Keeper
	peers map[string]*Keeper
}

// NewRegions puts keepers together: this process's own, and one for each peer.
func NewRegions(own *Keeper, peers ...*Keeper) *Regions {
	r := &Regions{own: own, peers: make(map[string]*Keeper, len(peers))}
	for _, k := range peers {
		r.peers[k.cfg.Region] = k
	}
	return r
}

// Start starts all keepers.
func (r *Regions) Start() {
	r.own.Start()
	for _, k := range r.peers {
		k.Start()
	}
}

// Stop stops all keepers.
func (r *Regions) Stop(ctx context.Context) error {
	errs := []error{r.own.Stop(ctx)}
	for _, k := range r.peers {
		errs = append(errs, k.Stop(ctx))
	}
	return errors.Join(errs...)
}

// Own is the keeper of the process's own region.
func (r *Regions) Own() *Keeper { return r.own }

// Home is the name of the process's own region.
func (r *Regions) Home() string { return r.own.cfg.Region }

// Current is the epoch of the process's own region that may be used now.
func (r *Regions) Current() (*Epoch, error) { return r.own.Current() }

// In is the epoch of a region that may be used now. It returns [ErrUnavailable]
// or [ErrNotReady], which is because of [ErrUnknownRegion] where there is no such
// peer.
func (r *Regions) In(region string) (*Epoch, error) {
	if region == r.Home() {
		return r.own.Current()
	}
	k, known := r.peers[region]
	if !known {
		return nil, ErrNotReady.Because(fmt.Errorf("%w: %s", ErrUnknownRegion, region))
	}
	e, err := k.Current()
	if err != nil {
		return nil, fmt.Errorf("redis of %s: %w", region, err)
	}
	return e, nil
}

// Everywhere gives the epochs of all regions that there are, this process's own
// first. With an error, which is one of [Regions.In], they are those that can be
// used of them.
//
// model: enter.pml, EVERYWHERE
func (r *Regions) Everywhere() ([]*Epoch, error) {
	own, err := r.own.Current()
	if err != nil {
		return nil, err
	}
	held := []*Epoch{own}
	var errs []error
	for _, name := range *own.others.Load() {
		e, err := r.In(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		held = append(held, e)
	}
	return held, errors.Join(errs...)
}

// Peers are the names of the other regions that this process can reach, in order.
func (r *Regions) Peers() []string { return slices.Sorted(maps.Keys(r.peers)) }

// Ready is nil while the region's epoch is held, and otherwise the reason that it
// is not.
func (r *Regions) Ready(region string) error {
	_, err := r.In(region)
	return err
}

// complain logs, once, that there are regions which this process cannot reach.
func (k *Keeper) complain(others []string) {
	if k.cfg.Peer {
		return
	}
	var strange []string
	for _, name := range others {
		if !slices.Contains(k.cfg.Peers, name) {
			strange = append(strange, name)
		}
	}
	names := strings.Join(strange, ", ")
	if names != "" && names != k.strange {
		k.cfg.Log.Error("what has to be done in every region is refused", zap.String("missing", names), zap.Error(ErrUnknownRegion))
	}
	k.strange = names
}
