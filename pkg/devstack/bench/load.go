package bench

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// measurement is what one round showed.
type measurement struct {
	rate     float64 // requests per second
	p50, p99 time.Duration
	cpu      time.Duration // user and system time of the process, per request
	notable  float64       // share of the answers
}

// measure asks a process over many connections for some time.
func measure(ctx context.Context, s *Side, length time.Duration) (measurement, error) {
	client := &fasthttp.HostClient{
		Addr: s.Process.Addr, MaxConns: len(s.Callers), ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
	}
	defer client.CloseIdleConnections()
	before, err := s.Process.CPU()
	if err != nil {
		return measurement{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	workers := make([]worker, len(s.Callers))
	begin := time.Now()
	var group sync.WaitGroup
	for i := range workers {
		group.Go(func() { workers[i].work(ctx, client, s.Callers[i]) })
	}
	group.Wait()
	took := time.Since(begin)
	after, err := s.Process.CPU()
	if err != nil {
		return measurement{}, err
	}
	var all []time.Duration
	notable := 0
	for _, each := range workers {
		if each.err != nil {
			return measurement{}, each.err
		}
		all, notable = append(all, each.took...), notable+each.notable
	}
	if len(all) == 0 {
		return measurement{}, ctx.Err()
	}
	slices.Sort(all)
	n := len(all)
	return measurement{
		rate: float64(n) / took.Seconds(), p50: all[n/2], p99: all[n*99/100],
		cpu: (after - before) / time.Duration(n), notable: float64(notable) / float64(n),
	}, nil
}

// worker is what one caller saw.
type worker struct {
	took    []time.Duration
	notable int
	err     error
}

func (k *worker) work(ctx context.Context, client *fasthttp.HostClient, caller Caller) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI("http://" + client.Addr)
	request.Header.Set("X-Forwarded-Proto", "https")
	request.Header.Set("X-Forwarded-For", "192.0.2.1")
	for ctx.Err() == nil {
		caller.Ask(request)
		begin := time.Now()
		if k.err = client.Do(request, response); k.err != nil {
			return
		}
		k.took = append(k.took, time.Since(begin))
		notable, err := caller.Heard(response)
		if k.err = err; err != nil {
			return
		}
		if notable {
			k.notable++
		}
	}
}
