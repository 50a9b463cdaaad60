package clerkhook

import "go.uber.org/fx"

// Module provides *Hook.
var Module = fx.Module("clerkhook",
	fx.Provide(NewHook),
	fx.Provide(fx.Annotate(NewPostgres, fx.As(new(Deliveries))), fx.Private),
)
