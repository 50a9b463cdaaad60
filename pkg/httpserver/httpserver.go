// Package httpserver serves a service's routes with Fiber.
//
// It promises that every request, also one that matches no route or that Fiber
// itself refuses, gets an id, a deadline, one log line, one metric and, if it
// fails, one problem document (RFC 9457); that an accepted request is answered
// also while the server stops; and that no answer shows the cause of a failure.
//
// Handlers decode, call and encode. They return errors; only problem.go knows
// which status an error has.
package httpserver

import (
	"context"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"tandem.example/pkg/fault"
)

// Route is one method of one path. GET also serves HEAD, and every other method
// of a path that has routes is answered with 405.
type Route struct {
	Method   string
	Path     string // Fiber's template; also the route's name in logs and metrics
	Handlers []fiber.Handler
	// Errors words the failures; nil: problem documents. It also words those of
	// requests for this path that reach no handler: a wrong method, a body that is
	// too long.
	Errors Encoder
	// NoPages is for what only other servers call: CORS answers nothing in the
	// handlers' place there, a preflight request neither.
	NoPages bool
}

// Encoder writes the body of a failed answer, whose status is set already.
type Encoder func(c *fiber.Ctx, status int, f *fault.Error) error

// Check is a dependency that the service cannot do its work without. Probe
// must heed ctx. Its error is shown by its fault's public text only.
type Check struct {
	Name  string
	Probe func(ctx context.Context) error
	// ToStart marks what the service needs once, to know that it is set up as it
	// should be. A later failure is shown and does not end readiness.
	ToStart bool
	// Aside marks what is shown and never ends readiness.
	Aside bool
}

// Options is what a Server is made of.
type Options struct {
	Config   Config
	Log      *zap.Logger
	Metrics  prometheus.Registerer
	Gatherer prometheus.Gatherer
	Tracing  trace.TracerProvider // nil: none
	Routes   []Route              // in any order
	Checks   []Check              // in any order
	// Failed is told when a listener dies while the server runs. It must not
	// wait for Stop.
	Failed func(error)
}
