package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/valyala/fasthttp"

	"tandem.example/pkg/bearer"
)

const (
	few, many = 1000, 100_000 // sessions that live beside those that are revoked
	revoked   = 500           // one after the other
)

// cost is that of revoking one session.
type cost struct{ p50, p99, cpu time.Duration }

// revocations measures what a session costs: to keep it, and to revoke it among
// few and among many others.
func revocations(ctx context.Context, out io.Writer, w *world) (err error) {
	c, err := newCrowd(ctx, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close(ctx)) }()
	if _, err := fmt.Fprintf(out, "revoking a session, %d one after the other\n\n%-22s %10s %10s %14s\n", revoked, "", "p50", "p99", "CPU/request"); err != nil {
		return err
	}
	costs := map[int]cost{}
	live := 0
	for _, n := range []int{few, many} {
		if _, err := c.add(ctx, n-live); err != nil {
			return err
		}
		live = n
		k, err := w.revoke(ctx, c)
		if err != nil {
			return err
		}
		costs[n] = k
		if _, err := fmt.Fprintf(out, "%-22s %10s %10s %14s\n", fmt.Sprint(n, " live sessions"), k.p50, k.p99, k.cpu); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(out, "\ntime with %d to time with %d live sessions: %.2f\nCPU with %[1]d to CPU with %[2]d live sessions: %.2[4]f\n\n",
		many, few, float64(costs[many].p50)/float64(costs[few].p50), float64(costs[many].cpu)/float64(costs[few].cpu))
	if err != nil {
		return err
	}
	return c.weigh(ctx, out)
}

// weigh tells how much memory a session and its access token take up in Redis.
func (c *crowd) weigh(ctx context.Context, out io.Writer) error {
	session, err1 := c.redis.MemoryUsage(ctx, bearer.SessionKey(c.model.Subject, c.model.SessionID)).Result()
	token, err2 := c.redis.MemoryUsage(ctx, bearer.TokenKey(c.model.Subject, c.model.ID)).Result()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "memory in Redis per session: %d bytes, %d with its access token\n\n", session, session+token)
	return err
}

// revoke begins sessions and lets their holders log out.
func (w *world) revoke(ctx context.Context, c *crowd) (cost, error) {
	all, err := c.add(ctx, 2*revoked)
	if err != nil {
		return cost{}, err
	}
	client := &fasthttp.HostClient{Addr: w.service.Addr, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	if _, err := w.logOut(client, c, all[:revoked]); err != nil { // warm
		return cost{}, err
	}
	before, err := w.service.CPU()
	if err != nil {
		return cost{}, err
	}
	took, err := w.logOut(client, c, all[revoked:])
	if err != nil {
		return cost{}, err
	}
	after, err := w.service.CPU()
	slices.Sort(took)
	return cost{took[revoked/2].Round(time.Microsecond), took[revoked*99/100].Round(time.Microsecond), (after - before) / revoked}, err
}

func (w *world) logOut(client *fasthttp.HostClient, c *crowd, all []bearer.Claims) (took []time.Duration, err error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI("http://" + client.Addr + "/logout")
	request.Header.SetMethod(fasthttp.MethodPost)
	request.Header.Set("X-Forwarded-Proto", "https")
	for _, claims := range all {
		token, err := c.keys.Sign(claims)
		if err != nil {
			return nil, err
		}
		request.Header.Set("Authorization", "Bearer "+token)
		begin := time.Now()
		if err := client.Do(request, response); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begin))
		if response.StatusCode() != fasthttp.StatusOK || string(response.Body()) != `{"revoked":1}` {
			return nil, fmt.Errorf("logout: status %d: %s", response.StatusCode(), response.Body())
		}
	}
	return took, nil
}
