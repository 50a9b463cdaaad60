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

// run starts the servers, measures and writes a table.
func run(ctx context.Context, service string, o bench.Options, out io.Writer) (err error) {
	w, err := newWorld(ctx, service)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
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
