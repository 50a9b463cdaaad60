package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"tandem.example/pkg/devstack/bench"
)

const (
	herd  = 1000 // readers, over two instances
	herds = 20   // each on a document that nobody has read yet
)

// stampede lets all readers ask at once for something that is not cached, and
// counts at each instance how often that led to the database.
func (w *world) stampede(ctx context.Context, out io.Writer) error {
	type instance struct {
		client         *fasthttp.HostClient
		loads, flights []float64
	}
	var instances []*instance
	for _, p := range []*bench.Process{w.service, w.other} {
		instances = append(instances, &instance{client: &fasthttp.HostClient{Addr: p.Addr, MaxConns: herd, ReadTimeout: 20 * time.Second}})
	}
	var refused int64
	for n := range herds + 1 { // in the first they open their connections
		var all sync.WaitGroup
		var failed atomic.Int64
		begin, ready := make(chan struct{}), new(sync.WaitGroup)
		loads := make([]atomic.Int64, len(instances))
		before := make([]float64, len(instances))
		for k := range instances {
			var err error
			if before[k], err = flights(ctx, w.admin[k]); err != nil {
				return err
			}
		}
		for reader := range herd {
			k := reader % len(instances)
			ready.Add(1)
			all.Go(func() {
				ready.Done()
				<-begin
				status, err := w.read(instances[k].client, w.ids[documents+n])
				if err != nil {
					failed.Add(1)
					return
				}
				if !strings.Contains(status, "; hit") && !strings.Contains(status, "collapsed") {
					loads[k].Add(1)
				}
			})
		}
		ready.Wait()
		close(begin)
		all.Wait()
		if n > 0 {
			refused += failed.Load()
		}
		for k, i := range instances {
			after, err := flights(ctx, w.admin[k])
			if err != nil {
				return err
			}
			if n > 0 {
				i.loads, i.flights = append(i.loads, float64(loads[k].Load())), append(i.flights, after-before[k])
			}
		}
	}
	_, err := fmt.Fprintf(out, "a herd of %d readers on a cold document, %d times\n\n%-14s %24s %24s\n", herd, herds, "",
		"flights (mean, most)", "database reads (mean, most)")
	for k, i := range instances {
		if err == nil {
			_, err = fmt.Fprintf(out, "instance %-5d %17.2f %6.0f %20.2f %6.0f\n", k+1, mean(i.flights), most(i.flights), mean(i.loads), most(i.loads))
		}
	}
	_, last := fmt.Fprintf(out, "refused or timed out: %d\n\n", refused)
	return errors.Join(err, last)
}

// read asks for a document and returns what the cache says of it.
func (w *world) read(client *fasthttp.HostClient, id string) (status string, err error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI("http://" + client.Addr + "/v1/resources/" + id)
	request.Header.Set("X-Forwarded-Proto", "https")
	request.Header.Set("Authorization", "Bearer "+w.token)
	if err := client.Do(request, response); err != nil {
		return "", err
	}
	if response.StatusCode() != fasthttp.StatusOK {
		return "", fmt.Errorf("status %d: %s", response.StatusCode(), response.Body())
	}
	return string(response.Header.Peek("Cache-Status")), nil
}

// warm reads every document once.
func (w *world) warm(p *bench.Process) error {
	client := &fasthttp.HostClient{Addr: p.Addr}
	defer client.CloseIdleConnections()
	for _, id := range w.ids[:documents] {
		if _, err := w.read(client, id); err != nil {
			return err
		}
	}
	return nil
}
