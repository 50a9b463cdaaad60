package model

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The verdicts that a run may be expected to end with. Any other says what went
// wrong.
const (
	verdictHolds    = "holds"
	verdictViolated = "violated"
)

// Report is what a verifier said at its end.
type Report struct {
	States    float64
	Depth     int
	Took      time.Duration
	Errors    int
	Violated  bool     // an assertion is among the errors
	Unreached []string // steps of the model that no run takes
	Partial   string   // why not every state was seen
	complete  bool     // it came to its end
}

var (
	reErrors    = regexp.MustCompile(`(?m)depth reached (\d+), errors: (\d+)`)
	reStates    = regexp.MustCompile(`(?m)^\s*([\d.e+]+) states, stored`)
	reUnreached = regexp.MustCompile(`(?m)^\t.*\.pml:(\d+), state \d+, "(.*)"$`)
)

// parseReport reads the output of a verifier that Spin made.
func parseReport(out string) Report {
	var r Report
	if m := reErrors.FindStringSubmatch(out); m != nil {
		r.Depth, _ = strconv.Atoi(m[1])
		r.Errors, _ = strconv.Atoi(m[2])
		r.complete = true
	}
	if m := reStates.FindStringSubmatch(out); m != nil {
		r.States, _ = strconv.ParseFloat(m[1], 64)
	}
	r.Violated = strings.Contains(out, "assertion violated")
	for text, why := range map[string]string{
		"max search depth too small": "deeper than the bound",
		"reached -DMEMLIM bound":     "out of memory",
		"out of memory":              "out of memory",
		"Bit statespace search":      "sampled",
	} {
		if strings.Contains(out, text) {
			r.Partial = why
		}
	}
	for _, m := range reUnreached.FindAllStringSubmatch(out, -1) {
		if m[2] != "-end-" {
			r.Unreached = append(r.Unreached, "line "+m[1])
		}
	}
	return r
}

// verdict sums the report up in a word, or says why there is none.
func (r Report) verdict() string {
	switch {
	case r.Violated:
		return verdictViolated
	case r.Partial != "":
		return "not exhaustive: " + r.Partial
	case !r.complete:
		return "not finished"
	case r.Errors > 0:
		return "another error"
	case len(r.Unreached) > 0:
		return "never gets to " + strings.Join(r.Unreached, ", ")
	default:
		return verdictHolds
	}
}
