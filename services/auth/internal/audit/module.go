package audit

import "go.uber.org/fx"

// Module provides *Log.
var Module = fx.Module("audit", fx.Provide(NewLog))
