package bench

import (
	"fmt"
	"io"
	"slices"
	"time"
)

func table(out io.Writer, o Options, title, notable string, sides ...*Side) error {
	_, err := fmt.Fprintf(out, "%s, %d connections, %d rounds of %s each, medians\n\n%-14s %12s %10s %10s %14s %8s\n",
		title, o.Connections, o.Rounds, o.Round, "", "requests/s", "p50", "p99", "CPU/request", notable)
	for _, s := range sides {
		share := ""
		if notable != "" {
			share = fmt.Sprintf("%.1f%%", s.median(func(m measurement) float64 { return 100 * m.notable }))
		}
		if err == nil {
			_, err = fmt.Fprintf(out, "%-14s %12.0f %10s %10s %14s %8s\n", s.Name, s.median(rate), s.time(p50), s.time(p99), s.time(cpu), share)
		}
	}
	return err
}

func rate(m measurement) float64 { return m.rate }
func p50(m measurement) float64  { return m.p50.Seconds() }
func p99(m measurement) float64  { return m.p99.Seconds() }
func cpu(m measurement) float64  { return m.cpu.Seconds() }

func (s *Side) median(of func(measurement) float64) float64 {
	var all []float64
	for _, m := range s.rounds {
		all = append(all, of(m))
	}
	return middle(all)
}

func (s *Side) time(of func(measurement) float64) string {
	return time.Duration(s.median(of) * float64(time.Second)).Round(100 * time.Nanosecond).String()
}

// ratio compares round by round, since neighbours shared the machine's mood.
func ratio(a, b *Side, of func(measurement) float64, pick func([]float64) float64) float64 {
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
