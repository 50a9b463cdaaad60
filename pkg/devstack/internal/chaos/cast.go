package chaos

import (
	"context"
	"math/rand/v2"

	"tandem.example/pkg/devstack"
)

// cast are those who play clients.
type cast struct {
	traders *traders
	joiners *joiners
	revoker *revoker
	keys    *receipts

	neighbour *neighbour
}

// linked is every instance, each behind a link of its own: those of resources, and
// the URLs of auth's.
func (s *scene) linked(ctx context.Context) (targets targets, doors []string, err error) {
	for _, i := range s.pair.Instances() {
		at, err := s.links.between(ctx, s.pair.Stack(), i.Name+" clients", i.URL)
		if err != nil {
			return nil, nil, err
		}
		if i.Role == devstack.Auth {
			doors = append(doors, at)
		} else {
			targets = append(targets, &target{name: i.Name, url: at})
		}
	}
	return targets, doors, nil
}

// assemble makes them, before their time begins.
func (s *scene) assemble(ctx context.Context, ask *asker, targets targets, doors []string) {
	anyDoor := func() string { return doors[rand.IntN(len(doors))] } //nolint:gosec // a choice
	client := &auth{ask, anyDoor, s.pair.Variable("DEMO_CLIENT_ID"), s.pair.Variable("DEMO_CLIENT_SECRET")}
	admin := &auth{ask, anyDoor, s.pair.Variable("DEMO_ADMIN_CLIENT_ID"), s.pair.Variable("DEMO_ADMIN_CLIENT_SECRET")}
	desk := &office{admin: &session{auth: admin, grant: grant{"grant_type": {"client_credentials"}}}, auth: client}
	keys := newReceipts()
	s.cast = cast{
		keys:    keys,
		traders: &traders{shared: &session{auth: client, grant: machine()}, all: targets, log: newLog[itemOp](), keys: keys},
		joiners: &joiners{office: desk, all: targets, log: newLog[memberOp](), keys: keys},
		revoker: &revoker{auth: client, office: desk, targets: targets},
	}
	s.neighbour = newNeighbour(ctx, s.traders, rand.New(rand.NewPCG(s.Seed, neighbourClient))) //nolint:gosec // reproducible on purpose
}
