package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"tandem.example/pkg/devstack/bench"
)

const (
	documents  = 2000
	skew       = 1.1 // of Zipf's law: the most popular is asked for in every sixth request
	writeShare = 0.05
)

// tally is what the callers of one side have seen.
type tally struct{ reads, hits, writes, refused atomic.Int64 }

func (t *tally) hitRatio() float64 {
	return 100 * float64(t.hits.Load()) / float64(max(1, t.reads.Load()))
}

// mixed asks for popular documents more often than for others, and changes one now
// and then.
type mixed struct {
	*world

	tally   *tally
	popular *rand.Zipf
	chance  *rand.Rand
	share   float64 // of writes
	wrote   bool
}

func (w *world) mixed(n int, share float64) ([]bench.Caller, *tally) {
	var t tally
	callers := make([]bench.Caller, n)
	for i := range callers {
		chance := rand.New(rand.NewPCG(1, uint64(i))) //nolint:gosec // the same for both sides
		callers[i] = &mixed{world: w, tally: &t, chance: chance, share: share, popular: rand.NewZipf(chance, skew, 1, documents-1)}
	}
	return callers, &t
}

// Ask implements [bench.Caller].
func (m *mixed) Ask(request *fasthttp.Request) {
	request.URI().SetPath("/v1/resources/" + m.ids[m.popular.Uint64()])
	request.Header.Set("Authorization", "Bearer "+m.token)
	request.Header.SetMethod(fasthttp.MethodGet)
	request.Header.Del("Content-Type")
	request.Header.Del("Content-Length")
	request.ResetBody()
	if m.wrote = m.chance.Float64() < m.share; m.wrote {
		request.Header.SetMethod(fasthttp.MethodPut)
		request.Header.SetContentType("application/json")
		request.SetBodyString(changed)
	}
}

// Heard implements [bench.Caller].
func (m *mixed) Heard(response *fasthttp.Response) (hit bool, err error) {
	switch status := response.StatusCode(); {
	case status == fasthttp.StatusServiceUnavailable && m.wrote: // too many writers of one document
		m.tally.refused.Add(1)
		return false, nil
	case status != fasthttp.StatusOK:
		return false, fmt.Errorf("status %d: %s", status, response.Body())
	case m.wrote:
		m.tally.writes.Add(1)
		return false, nil
	}
	m.tally.reads.Add(1)
	if hit = strings.Contains(string(response.Header.Peek("Cache-Status")), "; hit"); hit {
		m.tally.hits.Add(1)
	}
	return hit, nil
}

// compareCaches drives both caches with the same load and tells what each made of
// it. Both hold every document at the beginning, so that what is missed is what
// was written.
func (w *world) compareCaches(ctx context.Context, o bench.Options, out io.Writer) error {
	for _, p := range []*bench.Process{w.service, w.aside} {
		if err := w.warm(p); err != nil {
			return err
		}
	}
	ours, theirs := &bench.Side{Name: "resources", Process: w.service}, &bench.Side{Name: "cache-aside", Process: w.aside}
	var seen, beside *tally
	ours.Callers, seen = w.mixed(o.Connections, writeShare)
	theirs.Callers, beside = w.mixed(o.Connections, writeShare)
	before, err := flights(ctx, w.admin[0])
	if err != nil {
		return err
	}
	title := fmt.Sprintf("reads and %.0f%% writes of %d documents by Zipf's law (s = %.1f)", 100*writeShare, documents, skew)
	if err := bench.Compare(ctx, out, o, title, "hits", ours, theirs); err != nil {
		return err
	}
	after, err := flights(ctx, w.admin[0])
	if err != nil {
		return err
	}
	// Of ours, readers that share a flight share its read; each PUT reads the row that
	// it changes.
	missed := beside.reads.Load() - beside.hits.Load()
	_, err = fmt.Fprintf(out, "database reads per 1,000 requests\n\n%-14s %12s %12s %12s %10s\n", "", "hit ratio", "of readers", "of writers", "refused")
	for _, line := range []struct {
		name         string
		t            *tally
		loads, reads int64
	}{{"resources", seen, int64(after - before), seen.writes.Load()}, {"cache-aside", beside, missed, 0}} {
		all := float64(line.t.reads.Load()+line.t.writes.Load()) / 1000
		if err == nil {
			_, err = fmt.Fprintf(out, "%-14s %11.2f%% %12.1f %12.1f %10d\n",
				line.name, line.t.hitRatio(), float64(line.loads)/all, float64(line.reads)/all, line.t.refused.Load())
		}
	}
	if err == nil {
		_, err = fmt.Fprintf(out, "\nhit ratio, resources less cache-aside: %+.2f points\n\n", seen.hitRatio()-beside.hitRatio())
	}
	return err
}
