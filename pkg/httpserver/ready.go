package httpserver

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/zap"

	"tandem.example/pkg/fault"
)

// probeWithin bounds one check, so that a dependency that hangs is told from
// one that is only slow before the platform gives up asking.
const probeWithin = 2 * time.Second

// readiness answers whether requests should be sent here.
type readiness struct {
	checks   []Check
	draining *atomic.Bool
	log      *zap.Logger
	last     sync.Map // of name to the code seen last, to log changes only
	met      sync.Map // names of those that were ready once
}

type readyReport struct {
	Status string       `json:"status"` // ready, not_ready or draining
	Checks []readyCheck `json:"checks"`
}

type readyCheck struct {
	Name   string  `json:"name"`
	OK     bool    `json:"ok"`
	Millis float64 `json:"latency_ms"`
	Code   string  `json:"code,omitempty"`
	Error  string  `json:"error,omitempty"` // public text
}

func newReadiness(checks []Check, draining *atomic.Bool, log *zap.Logger) *readiness {
	checks = slices.Clone(checks)
	slices.SortFunc(checks, func(a, b Check) int { return cmp.Compare(a.Name, b.Name) })
	return &readiness{checks: checks, draining: draining, log: log.Named("ready")}
}

// ServeHTTP probes all dependencies at once.
func (r *readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	report := readyReport{Status: "ready", Checks: make([]readyCheck, len(r.checks))}
	ctx, cancel := context.WithTimeout(req.Context(), probeWithin)
	defer cancel()
	var probes sync.WaitGroup
	for i, check := range r.checks {
		probes.Go(func() { report.Checks[i] = r.probe(ctx, check) })
	}
	probes.Wait()
	status := http.StatusOK
	for i, check := range r.checks {
		if !report.Checks[i].OK && !r.spares(check) {
			report.Status, status = "not_ready", http.StatusServiceUnavailable
		}
	}
	if r.draining.Load() {
		report.Status, status = "draining", http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, report) // the client may have left
}

// spares tells whether the service does its work without this dependency.
func (r *readiness) spares(check Check) bool {
	_, met := r.met.Load(check.Name)
	return check.Aside || check.ToStart && met
}

var errProbe = fault.New(fault.Unavailable, "unavailable", "the dependency does not answer as it should")

func (r *readiness) probe(ctx context.Context, check Check) readyCheck {
	start := time.Now()
	err := check.Probe(ctx)
	result := readyCheck{Name: check.Name, OK: err == nil, Millis: float64(time.Since(start).Microseconds()) / 1000}
	if err == nil {
		r.met.Store(check.Name, nil)
	} else {
		f := fault.From(err)
		if f.Kind == fault.Internal {
			f = errProbe.Because(err)
		}
		result.Code, result.Error = f.Code, f.Detail
	}
	if before, known := r.last.Swap(check.Name, result.Code); known && before == result.Code || !known && err == nil {
		return result
	}
	if err != nil {
		r.log.Warn("dependency not ready", zap.String("dependency", check.Name), zap.Error(err))
	} else {
		r.log.Info("dependency ready again", zap.String("dependency", check.Name))
	}
	return result
}
