package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrUnexpected is when a run did not end as its line says.
var ErrUnexpected = errors.New("not as expected")

// Checker finds out how a run ends.
type Checker interface {
	Check(ctx context.Context, r Run) (Report, error)
}

// Table checks runs, so many at once, and prints a line for each in their order.
// It returns [ErrUnexpected] if one ended otherwise than it should have.
func Table(ctx context.Context, out io.Writer, c Checker, runs []Run, jobs int) error {
	type answer struct {
		report Report
		err    error
	}
	answers := make([]chan answer, len(runs))
	slots := make(chan struct{}, jobs)
	for i := range runs {
		answers[i] = make(chan answer, 1)
	}
	go func() {
		for i, r := range runs {
			slots <- struct{}{}
			go func() {
				defer func() { <-slots }()
				report, err := c.Check(ctx, r)
				answers[i] <- answer{report, err}
			}()
		}
	}()
	const line = "%-7s %-22s %11s %6s %8s  %-9s %s\n"
	say := func(words ...any) { _, _ = fmt.Fprintf(out, line, words...) }
	say("model", "variant", "states", "depth", "seconds", "expected", "result")
	begun, bad := time.Now(), 0
	for i, r := range runs {
		a := <-answers[i]
		result := a.report.verdict()
		if a.err != nil {
			result = a.err.Error()
		}
		if result != r.expected() {
			result += "  <-- " + ErrUnexpected.Error()
			bad++
		}
		say(r.Model, r.Variant, fmt.Sprintf("%.0f", a.report.States), fmt.Sprint(a.report.Depth),
			fmt.Sprintf("%.1f", a.report.Took.Seconds()), r.expected(), result)
	}
	_, _ = fmt.Fprintf(out, "%d runs in %.0f s\n", len(runs), time.Since(begun).Seconds())
	if bad > 0 {
		return fmt.Errorf("%d of %d runs: %w", bad, len(runs), ErrUnexpected)
	}
	return nil
}
