package natsfx

import (
	"go.uber.org/fx"
	"go.uber.org/zap"
)

// Name is how the process shows in the server's lists: the service's name.
type Name string

// Module provides *Client, connected from start to stop.
var Module = fx.Module("nats", fx.Provide(provide))

func provide(life fx.Lifecycle, cfg Config, name Name, log *zap.Logger) *Client {
	c := New(cfg, string(name), log.Named("nats"))
	life.Append(fx.StartStopHook(c.Start, c.Stop))
	return c
}
