package app

import (
	"context"

	"go.uber.org/fx"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/clerksession"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/epoch"
	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/natsfx"
	"tandem.example/pkg/ratelimit"
	"tandem.example/services/auth/api"
	"tandem.example/services/auth/internal/audit"
	"tandem.example/services/auth/internal/clerkhook"
	"tandem.example/services/auth/internal/clients"
	"tandem.example/services/auth/internal/demo"
	"tandem.example/services/auth/internal/gateway"
	"tandem.example/services/auth/internal/keys"
	"tandem.example/services/auth/internal/sessions"
	"tandem.example/services/auth/internal/tokens"
	"tandem.example/services/auth/internal/users"
)

// bind holds every arrow between capabilities.
var bind = fx.Options(
	// A Redis that is not the one before serves only after every revocation has
	// been done again in it.
	fx.Provide(func(t *bearer.Tombstones) epoch.Recovery { return t.Replay }),

	// Wrong passwords are counted in Redis; what is changed of a user ends sessions.
	fx.Provide(
		func(l *ratelimit.Limiter) users.Limiter { return l },
		func(s *sessions.Store) (users.Ends, users.Finisher) { return s, s },
		func(j journal) users.Journal { return j },
	),

	// Sessions live in Redis and end in the database.
	fx.Provide(
		func(r *epoch.Regions) sessions.Epochs { return r },
		func(t *bearer.Tombstones) sessions.Cemetery { return t },
		func(s *sessions.Store) clients.Ender { return s },
	),

	// Tokens are issued to users and to visitors of Clerk, for sessions.
	fx.Provide(
		func(s *sessions.Store) (tokens.Store, tokens.Ledger) { return s, s },
		func(a *users.Authenticator) tokens.Accounts { return accounts{a} },
		visitorsOf, originsOf,
	),

	// What has ended at Clerk ends here.
	fx.Provide(func(s *sessions.Store) clerkhook.Sessions { return s }),

	// What was tried is in the log, whatever came of it.
	fx.Provide(
		func(log *audit.Log, batch *audit.Batch, names *audit.Pseudonyms) journal {
			return journal{log, batch, names}
		},
		func(j journal) tokens.Journal { return j },
		func(b *audit.Batch) clerkhook.Journal { return b },
	),

	// Whoever is known and lacks a scope is in the log, whatever route it was.
	fx.Decorate(fx.Annotate(audit.Watch, fx.ParamTags(`group:"routes"`), fx.ResultTags(`group:"routes"`))),

	httpserver.ProvideRoutes(tokens.Routes),
	httpserver.ProvideRoutes(keys.Routes),
	httpserver.ProvideRoutes(clerkhook.Routes),
	httpserver.ProvideRoutes(sessions.Routes),
	httpserver.ProvideRoutes(users.Routes),
	httpserver.ProvideRoutes(clients.Routes),
	httpserver.ProvideRoutes(audit.Routes),
	httpserver.ProvideRoutes(gateway.Routes),
	httpserver.ProvideRoutes(api.Routes),

	httpserver.ProvideCheck(func(r *bearer.Keyring) httpserver.Check {
		return httpserver.Check{Name: "keys", Probe: r.Ready}
	}),
	httpserver.ProvideCheck(func(db *crdb.DB) httpserver.Check {
		return httpserver.Check{Name: "database", Probe: db.Ping}
	}),
	httpserver.ProvideCheck(func(k *epoch.Keeper) httpserver.Check {
		return httpserver.Check{Name: "redis", Probe: func(context.Context) error { return k.Reached() }}
	}),
	httpserver.ProvideCheck(func(k *epoch.Keeper) httpserver.Check {
		return httpserver.Check{Name: "epoch", Probe: func(context.Context) error { return k.Ready() }}
	}),
	httpserver.ProvideChecks(func(r *epoch.Regions) (checks []httpserver.Check) {
		// Without another region's Redis nothing is ended for good, and all else is done.
		for _, peer := range r.Peers() {
			probe := func(context.Context) error { return r.Ready(peer) }
			checks = append(checks, httpserver.Check{Name: "redis-" + peer, Probe: probe, Aside: true})
		}
		return checks
	}),
	httpserver.ProvideCheck(func(c *natsfx.Client) httpserver.Check {
		// Without NATS everything is served, and announced later.
		return httpserver.Check{Name: "nats", Probe: c.Ready, ToStart: true}
	}),
)

// seeding makes the demo of users and clients, where one is wanted, and holds
// readiness back until it is there.
func seeding(cfg demo.Config) fx.Option {
	if !cfg.Wanted() {
		return fx.Options()
	}
	return fx.Options(
		fx.Supply(cfg),
		demo.Module,
		fx.Provide(func(d *users.Directory, r *clients.Registry) (demo.Users, demo.Clients) { return d, r }),
		httpserver.ProvideCheck(func(s *demo.Seeder) httpserver.Check {
			return httpserver.Check{Name: "demo", Probe: s.Ready}
		}),
	)
}

// accounts shows the users to the issuer.
type accounts struct{ users *users.Authenticator }

// Login implements [tokens.Accounts].
func (a accounts) Login(ctx context.Context, name, password string) (tokens.Account, error) {
	u, err := a.users.Login(ctx, name, password)
	return tokens.Account{Subject: u.ID, Generation: u.Generation, Roles: u.Roles}, err
}

// journal shows the audit log to those who answer for tokens.
type journal struct {
	log   *audit.Log
	batch *audit.Batch
	names *audit.Pseudonyms
}

// Record implements [tokens.Journal].
func (j journal) Record(ctx context.Context, e audit.Event) error { return j.log.Record(ctx, e) }

// Add implements [tokens.Journal].
func (j journal) Add(e audit.Event) { j.batch.Add(e) }

// Pseudonym implements [tokens.Journal]. Names that are one login are one.
func (j journal) Pseudonym(name string) string {
	if login, err := users.ParseLogin(name); err == nil {
		name = login
	}
	return j.names.Of(name)
}

// visitors shows Clerk's sessions to the issuer.
type visitors struct {
	verifier *clerksession.Verifier
	door     *clerksession.Door
}

//nolint:ireturn // nil is an answer: there is no exchange
func visitorsOf(cfg clerksession.Config, verifier *clerksession.Verifier, door *clerksession.Door) tokens.Visitors {
	if !cfg.Enabled() {
		return nil
	}
	return visitors{verifier, door}
}

//nolint:ireturn // nil is an answer: there are none
func originsOf(cfg clerksession.Config, door *clerksession.Door) sessions.Origins {
	if !cfg.Enabled() {
		return nil
	}
	return origins{door}
}

// origins shows Clerk's sessions to those that were exchanged for them.
type origins struct{ door *clerksession.Door }

// Standing implements [sessions.Origins].
func (o origins) Standing(ctx context.Context, origin, subject string) error {
	return o.door.Check(ctx, origin, subject)
}

// Identify implements [tokens.Visitors].
func (v visitors) Identify(ctx context.Context, token string) (tokens.Visitor, error) {
	s, err := v.verifier.Verify(ctx, token)
	if err != nil {
		return tokens.Visitor{}, err
	}
	p := s.Principal()
	return tokens.Visitor{
		Subject: p.Subject, Tenant: p.Tenant, Session: p.SessionID, Actor: p.Actor, Roles: p.Roles, Scopes: p.Scopes, Expires: p.Expires,
	}, nil
}

// Confirm implements [tokens.Visitors].
func (v visitors) Confirm(ctx context.Context, e *epoch.Epoch, visitor tokens.Visitor) error {
	return v.door.Ask(ctx, e, &bearer.Principal{Subject: visitor.Subject, SessionID: visitor.Session, Expires: visitor.Expires, External: true})
}
