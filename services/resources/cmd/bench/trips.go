package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const alone = 500 // requests, one after the other

// trips counts at Redis how often it reads from a connection for a request, while
// there is one at a time. What the service asks of it by itself, every now and
// then, is measured first.
func (w *world) trips(ctx context.Context, out io.Writer) error {
	options, err := w.redis().Options()
	if err != nil {
		return err
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	count := func(requests int, ask func(n int) error) (float64, error) {
		before, err := reads(ctx, client)
		for n := range requests {
			if err == nil {
				err = ask(n)
			}
		}
		<-time.After(behind)
		after, last := reads(ctx, client)
		if err == nil {
			err = last
		}
		return float64(after - before), err
	}
	idle, err := count(1, func(int) error { return nil })
	if err != nil {
		return err
	}
	get := func(n int) error {
		_, _, err := w.ask(ctx, http.MethodGet, w.path, "")
		return err
	}
	begin := time.Now()
	read, err := count(alone, get)
	if err != nil {
		return err
	}
	own := func() float64 { return idle * time.Since(begin).Seconds() / behind.Seconds() }
	perRead := (read - own()) / alone
	begin = time.Now()
	write, err := count(alone, func(n int) error { return w.change(ctx, n) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, `round trips to Redis, one request at a time

cached read    %.2f
write          %.2f: for the token and for the markers, which its answer waits for; behind the answer the
               markers and their register, and the event at each of two instances

`, perRead, (write-own())/alone)
	return err
}

// behind is longer than what follows an answer takes.
const behind = time.Second

func reads(ctx context.Context, client *redis.Client) (int, error) {
	info, err := client.InfoMap(ctx, "stats").Result()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(info["Stats"]["total_reads_processed"])
}

// flights is how often an instance has gone to the database for readers, as it
// counts itself.
func flights(ctx context.Context, admin string) (sum float64, err error) {
	const name = "cache_flights_total"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	text := new(strings.Builder)
	if _, err := io.Copy(text, response.Body); err != nil {
		return 0, err
	}
	found := false
	for line := range strings.Lines(text.String()) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if bare, _, _ := strings.Cut(key, "{"); bare != name {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, err
		}
		found, sum = true, sum+v
	}
	if !found {
		return 0, fmt.Errorf("no metric %s at %s", name, admin)
	}
	return sum, nil
}

func mean(all []float64) (sum float64) {
	for _, v := range all {
		sum += v
	}
	return sum / float64(max(1, len(all)))
}

func most(all []float64) float64 { return slices.Max(all) }
