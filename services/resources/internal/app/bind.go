package app

import (
	"context"

	"go.uber.org/fx"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/coherent"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/invalidation/relay"
	"tandem.example/pkg/natsfx"
	"tandem.example/services/resources/api"
	"tandem.example/services/resources/internal/events"
	"tandem.example/services/resources/internal/resources"
)

// bind holds every arrow between capabilities.
var bind = fx.Options(
	// A cached read goes on only when its token, checked in the same round trip,
	// is known to be live.
	fx.Provide(func() coherent.Admission { return bearer.Admit }),

	// What is cached is of one form, which a later release may change.
	fx.Supply(resources.Codec),

	// A committed change is announced at once.
	fx.Provide(func(r *relay.Relay) resources.Announcer { return r }),

	// What is announced, by whomever, is dropped from the cache.
	fx.Provide(func(g *resources.Registry) events.Cache { return g }),

	// What is at home in another region is read from this one's Redis while this
	// process has lately heard all changes, if that is switched on.
	fx.Provide(func(h *events.Horizon) coherent.Current {
		if h == nil {
			return nil
		}
		return h.Within
	}),
	fx.Provide(func(r *relay.Relay) events.Unannounced { return r.Unannounced }),

	// The row of an operation stays while a marker may ask for its outcome.
	fx.Provide(func(c *coherent.Cache) relay.Asked { return c.Unsettled }),

	// In the mode available cached reads, and the checks of their tokens, outlive
	// the database for a while, and so does readiness.
	fx.Provide(coherent.Settings.Grace),

	httpserver.ProvideRoutes(resources.Routes),
	httpserver.ProvideRoutes(api.Routes),

	httpserver.ProvideCheck(func(r *bearer.Keyring) httpserver.Check {
		return httpserver.Check{Name: "keys", Probe: r.Ready}
	}),
	httpserver.ProvideCheck(func(db *crdb.DB, cache coherent.Settings) httpserver.Check {
		return httpserver.Check{Name: "database", Probe: db.Ping, ToStart: cache.Available()}
	}),
	httpserver.ProvideCheck(func(k *epoch.Keeper) httpserver.Check {
		return httpserver.Check{Name: "redis", Probe: func(context.Context) error { return k.Reached() }}
	}),
	httpserver.ProvideCheck(func(k *epoch.Keeper) httpserver.Check {
		return httpserver.Check{Name: "epoch", Probe: func(context.Context) error { return k.Answers() }}
	}),
	httpserver.ProvideChecks(func(r *epoch.Regions) (checks []httpserver.Check) {
		// Without another region's Redis only what is at home there is not written.
		for _, peer := range r.Peers() {
			probe := func(context.Context) error { return r.Ready(peer) }
			checks = append(checks, httpserver.Check{Name: "redis-" + peer, Probe: probe, Aside: true})
		}
		return checks
	}),
	httpserver.ProvideCheck(func(c *natsfx.Client) httpserver.Check {
		// Without NATS everything is served, and announced later. That events are
		// heard is no check at all: no answer rests on it.
		return httpserver.Check{Name: "nats", Probe: c.Ready, ToStart: true}
	}),
)
