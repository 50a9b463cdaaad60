// Package bench compares processes: a service with a bare handler that does the
// least that any answer to the same question needs.
//
// Both sides are programs of their own, asked by the same client over plain
// HTTP, as behind a gateway, in turns, so that a machine that changes its speed
// does so for both. What counts is the ratio.
package bench

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/valyala/fasthttp"
)

// Options say how long and how hard.
type Options struct {
	Connections int // keep-alive connections that ask at once
	Rounds      int // in each both sides are measured, one after the other
	Round       time.Duration
}

// Flags lets the command line say otherwise than usual.
func (o *Options) Flags(set *flag.FlagSet) {
	set.IntVar(&o.Connections, "connections", 32, "keep-alive connections that ask at once")
	set.IntVar(&o.Rounds, "rounds", 5, "rounds; in each both sides are measured, one after the other")
	set.DurationVar(&o.Round, "round", 3*time.Second, "length of one measurement")
}

// Caller is one connection's client. It is used by one goroutine.
type Caller interface {
	// Ask fills the next request; its host is set already.
	Ask(request *fasthttp.Request)
	// Heard looks at the answer. Notable tells whether it is of the kind that
	// the report counts, such as a cache hit.
	Heard(response *fasthttp.Response) (notable bool, err error)
}

// Side is one of the two that are compared.
type Side struct {
	Name    string
	Process *Process
	Callers []Caller // as many as there are connections

	rounds []measurement
}

// Compare measures both sides in turns and writes a table. Notable is the
// heading of what callers count; empty leaves it out.
func Compare(ctx context.Context, out io.Writer, o Options, title, notable string, service, bare *Side) error {
	sides := []*Side{service, bare}
	for _, s := range sides { // warm: caches, pools, connections
		if _, err := measure(ctx, s, o.Round/3); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	for range o.Rounds {
		for _, s := range sides {
			m, err := measure(ctx, s, o.Round)
			if err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
			s.rounds = append(s.rounds, m)
		}
	}
	if err := table(out, o, title, notable, sides...); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nrequests/s, %[1]s to %[2]s: %.2[3]f (rounds: %.2[4]f to %.2[5]f)\nCPU per request, %[1]s to %[2]s: %.2[6]f\n\n",
		service.Name, bare.Name, ratio(service, bare, rate, middle), ratio(service, bare, rate, slices.Min),
		ratio(service, bare, rate, slices.Max), ratio(service, bare, cpu, middle))
	return err
}
