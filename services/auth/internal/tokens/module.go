package tokens

import "go.uber.org/fx"

// Module provides *Issuer, *Desk and *Gate.
var Module = fx.Module("tokens", fx.Provide(NewIssuer, NewDesk, NewGate))
