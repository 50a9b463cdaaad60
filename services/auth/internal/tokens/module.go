package tokens

import "go.uber.org/fx"

// Module provides *Issuer and *Desk.
var Module = fx.Module("tokens", fx.Provide(NewIssuer, NewDesk))
