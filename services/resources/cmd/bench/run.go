package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/valyala/fasthttp"

	"tandem.example/pkg/devstack/bench"
)

// run starts the servers, measures what has only in its name, and writes tables.
func run(ctx context.Context, service, only string, o bench.Options, out io.Writer) (err error) {
	w, err := newWorld(ctx, service)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	for _, part := range []struct {
		name    string
		measure func() error
	}{
		{"hit", func() error { return w.compareHits(ctx, o, out) }},
		{"trips", func() error { return w.trips(ctx, out) }},
		{"caches", func() error { return w.compareCaches(ctx, o, out) }},
		{"herd", func() error { return w.stampede(ctx, out) }},
		{"events", func() error { return w.lag(ctx, out) }},
	} {
		if !strings.Contains(part.name, only) {
			continue
		}
		if err := part.measure(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// compareHits is the read that there is most of.
func (w *world) compareHits(ctx context.Context, o bench.Options, out io.Writer) error {
	readers := make([]bench.Caller, o.Connections)
	for i := range readers {
		readers[i] = reader{w}
	}
	return bench.Compare(ctx, out, o, "authorised cached read", "hits",
		&bench.Side{Name: "resources", Process: w.service, Callers: readers},
		&bench.Side{Name: "bare handler", Process: w.bare, Callers: readers})
}

// reader asks for the one cached resource.
type reader struct{ *world }

// Ask implements [bench.Caller].
func (r reader) Ask(request *fasthttp.Request) {
	request.URI().SetPath(r.path)
	request.Header.Set("Authorization", "Bearer "+r.token)
}

// Heard implements [bench.Caller].
func (r reader) Heard(response *fasthttp.Response) (hit bool, err error) {
	if response.StatusCode() != fasthttp.StatusOK {
		return false, fmt.Errorf("status %d: %s", response.StatusCode(), response.Body())
	}
	return strings.Contains(string(response.Header.Peek("Cache-Status")), "hit"), nil
}
