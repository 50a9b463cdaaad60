package clients

import (
	"go.uber.org/fx"

	"tandem.example/pkg/bearer"
)

// Module provides *Registry and *Admin over the database.
var Module = fx.Module("clients",
	fx.Provide(NewRegistry, NewAdmin),
	fx.Provide(
		NewPostgres, NewLedger,
		func(p *Postgres) Store { return p },
		func(l *Ledger) Book { return l },
		func(roles bearer.RoleScopes) Rules { return Rules{Vocabulary(roles)} },
		fx.Private,
	),
)
