package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// options say how long and how hard.
type options struct {
	service     string // path of resourcesd
	connections int
	rounds      int
	round       time.Duration
}

// run starts the servers, measures and writes a table.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	w, err := newWorld(ctx, o.service)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	sides := []*side{{name: "resources", process: w.service}, {name: "bare handler", process: w.bare}}
	for _, s := range sides { // warm: caches, pools, connections
		if _, err := w.measure(ctx, s.process, o.connections, o.round/3); err != nil {
			return err
		}
	}
	for range o.rounds {
		for _, s := range sides {
			m, err := w.measure(ctx, s.process, o.connections, o.round)
			if err != nil {
				return err
			}
			s.rounds = append(s.rounds, m)
		}
	}
	return report(out, o, sides[0], sides[1])
}

// side is one of the two that are compared.
type side struct {
	name    string
	process *process
	rounds  []measurement
}

func report(out io.Writer, o options, service, bare *side) error {
	_, err := fmt.Fprintf(out, "authorised cached read, %d connections, %d rounds of %s each, medians\n\n%-14s %12s %10s %10s %14s %8s\n",
		o.connections, o.rounds, o.round, "", "requests/s", "p50", "p99", "CPU/request", "hits")
	for _, s := range []*side{service, bare} {
		if err == nil {
			_, err = fmt.Fprintf(out, "%-14s %12.0f %10s %10s %14s %7.1f%%\n", s.name, s.median(rate), s.time(p50), s.time(p99), s.time(cpu), s.median(hits))
		}
	}
	if err == nil {
		_, err = fmt.Fprintf(out, "\nrequests/s, resources to bare handler: %.2f (rounds: %.2f to %.2f)\nCPU per request, resources to bare handler: %.2f\n",
			ratio(service, bare, rate, middle), ratio(service, bare, rate, slices.Min), ratio(service, bare, rate, slices.Max), ratio(service, bare, cpu, middle))
	}
	return err
}

func rate(m measurement) float64 { return m.rate }
func p50(m measurement) float64  { return m.p50.Seconds() }
func p99(m measurement) float64  { return m.p99.Seconds() }
func cpu(m measurement) float64  { return m.cpu.Seconds() }
func hits(m measurement) float64 { return 100 * m.hits }

func (s *side) median(of func(measurement) float64) float64 {
	var all []float64
	for _, m := range s.rounds {
		all = append(all, of(m))
	}
	return middle(all)
}

func (s *side) time(of func(measurement) float64) string {
	return time.Duration(s.median(of) * float64(time.Second)).Round(100 * time.Nanosecond).String()
}

// ratio compares round by round, since neighbours shared the machine's mood.
func ratio(a, b *side, of func(measurement) float64, pick func([]float64) float64) float64 {
	var all []float64
	for i := range a.rounds {
		all = append(all, of(a.rounds[i])/of(b.rounds[i]))
	}
	return pick(all)
}

func middle(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}
