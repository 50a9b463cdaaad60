package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// measurement is what one round showed.
type measurement struct {
	rate     float64 // requests per second
	p50, p99 time.Duration
	cpu      time.Duration // user and system time of the process, per request
	hits     float64       // share of the answers that came from the cache
}

// measure asks a process over many connections for some time.
func (w *world) measure(ctx context.Context, p *process, connections int, length time.Duration) (measurement, error) {
	client := &fasthttp.HostClient{Addr: p.addr, MaxConns: connections, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	before, err := p.cpu()
	if err != nil {
		return measurement{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	workers := make([]worker, connections)
	begin := time.Now()
	var group sync.WaitGroup
	for i := range workers {
		group.Go(func() { workers[i].work(ctx, client, w) })
	}
	group.Wait()
	took := time.Since(begin)
	after, err := p.cpu()
	if err != nil {
		return measurement{}, err
	}
	var all []time.Duration
	hits := 0
	for _, each := range workers {
		if each.err != nil {
			return measurement{}, each.err
		}
		all, hits = append(all, each.took...), hits+each.hits
	}
	if len(all) == 0 {
		return measurement{}, ctx.Err()
	}
	slices.Sort(all)
	n := len(all)
	return measurement{
		rate: float64(n) / took.Seconds(), p50: all[n/2], p99: all[n*99/100],
		cpu: (after - before) / time.Duration(n), hits: float64(hits) / float64(n),
	}, nil
}

// worker is one connection's client.
type worker struct {
	took []time.Duration
	hits int
	err  error
}

func (k *worker) work(ctx context.Context, client *fasthttp.HostClient, w *world) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI("http://" + client.Addr + w.path)
	request.Header.Set("Authorization", "Bearer "+w.token)
	request.Header.Set("X-Forwarded-Proto", "https")
	request.Header.Set("X-Forwarded-For", "192.0.2.1")
	for ctx.Err() == nil {
		begin := time.Now()
		if k.err = client.Do(request, response); k.err != nil {
			return
		}
		k.took = append(k.took, time.Since(begin))
		if response.StatusCode() != fasthttp.StatusOK {
			k.err = fmt.Errorf("%s answered %d: %s", client.Addr, response.StatusCode(), response.Body())
			return
		}
		if strings.Contains(string(response.Header.Peek("Cache-Status")), "hit") {
			k.hits++
		}
	}
}
