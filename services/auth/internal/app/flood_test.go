package app_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"testing"
	"time"
)

// held is the memory that this process has from the system.
func held() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64() - sample[1].Value.Uint64()
}

// peak follows what is held until it is asked for the most that it saw.
func peak() func() uint64 {
	stop, most := make(chan struct{}), make(chan uint64)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		seen := held()
		for {
			select {
			case <-tick.C:
				seen = max(seen, held())
			case <-stop:
				most <- max(seen, held())
				return
			}
		}
	}()
	return func() uint64 { close(stop); return <-most }
}

// Five hundred logins at once would take 9.5 GB if each were hashed when it comes.
// They get a hash's memory for each processor, twice because what one leaves
// behind is collected while the next is at work, and a connection each.
func TestALoginFloodIsBoundedAndAnswered(t *testing.T) { //nolint:paralleltest // it measures the whole process
	const flood, hash, connection, rest = 500, 19 << 20, 256 << 10, 64 << 20
	s := limited(t, map[string]string{
		"LIMIT_LOGIN_PAIR": "100000/1m", "LIMIT_LOGIN_ACCOUNT": "200000/1m", "LIMIT_LOGIN_ADDRESS": "400000/1m",
		"TLS_CERT_FILE": "", "TLS_KEY_FILE": "", // as behind a gateway: TLS would be most of the work
	})
	s.client.Timeout = 0
	try := func(name, password string) reply {
		r := s.form("/token", s.env["DEMO_CLIENT_ID"], s.env["DEMO_CLIENT_SECRET"], "grant_type", "password", "username", name, "password", password)
		r.Header.Set("X-Forwarded-Proto", "https")
		return s.send(r)
	}
	user, password := s.env["DEMO_USER"], s.env["DEMO_PASSWORD"]
	s.await("no login", func() bool { return try(user, password).status == 200 })
	debug.FreeOSMemory()
	before, most := held(), peak()
	var mu sync.Mutex
	seen := map[int]int{}
	var all sync.WaitGroup
	for i := range flood {
		all.Go(func() {
			guess := [...][2]string{{user, password}, {user, "wrong guess"}, {fmt.Sprintf("nobody-%d", i), password}}[i%3]
			got := try(guess[0], guess[1])
			mu.Lock()
			defer mu.Unlock()
			seen[got.status]++
			if got.status >= 429 && got.header.Get("Retry-After") == "" {
				t.Errorf("%d without Retry-After", got.status)
			}
		})
	}
	all.Wait()
	took := most() - before
	t.Logf("answers %v, %d MiB", seen, took>>20)
	if seen[200]+seen[400]+seen[429]+seen[503] != flood {
		t.Errorf("answers: %v", seen)
	}
	if bound := uint64(2*runtime.GOMAXPROCS(0)*hash + flood*connection + rest); took > bound {
		t.Errorf("%d MiB were taken, more than %d", took>>20, bound>>20)
	}
	s.await("no login afterwards", func() bool { return try(user, password).status == 200 })
}
