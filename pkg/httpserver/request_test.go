package httpserver

import (
	"context"
	"errors"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem.example/pkg/telemetry"
)

func newRequest(timeout time.Duration) *request {
	now := time.Now()
	return &request{id: newRequestID(now), start: now, deadline: now.Add(timeout)}
}

func TestRequestIsAContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRequest(time.Second)
		if _, ok := r.Deadline(); !ok || r.Err() != nil {
			t.Fatalf("a new request: %v", r.Err())
		}
		if requestOf(r) != r || telemetry.RequestID(context.WithoutCancel(r)) != r.id.String() {
			t.Fatal("the request is not found through its context")
		}
		<-r.Done()
		if r.Err() == nil || !errors.Is(r.Err(), context.DeadlineExceeded) {
			t.Fatalf("after the deadline: %v", r.Err())
		}
		r.end()
	})
}

func TestRequestExpiresUnwatched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRequest(time.Second)
		time.AfterFunc(time.Second, func() {
			if !errors.Is(r.Err(), context.DeadlineExceeded) {
				t.Errorf("at the deadline: %v", r.Err())
			}
		})
		synctest.Wait()
		<-time.After(2 * time.Second)
		select {
		case <-r.Done():
		default:
			t.Error("Done is open although Err is set")
		}
		r.end()
	})
}

func TestRequestEndsItsWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRequest(time.Second)
		child, cancel := context.WithTimeout(r, time.Hour)
		defer cancel()
		kept := newRequest(time.Second)
		r.end()
		kept.end()
		synctest.Wait()
		if !errors.Is(child.Err(), context.Canceled) {
			t.Fatalf("a child goes on: %v", child.Err())
		}
		if !errors.Is(kept.Err(), context.Canceled) {
			t.Fatalf("an answered request: %v", kept.Err())
		}
		select {
		case <-kept.Done(): // also for those who ask only now
		default:
			t.Error("Done of an answered request is open")
		}
	})
}

func TestChildrenNeedNoGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRequest(time.Hour)
		defer r.end()
		before := bubbleSize()
		_, cancel := context.WithCancel(r)
		defer cancel()
		if after := bubbleSize(); after != before {
			t.Errorf("%d goroutines became %d", before, after)
		}
	})
}

// bubbleSize counts the goroutines that belong to the calling test.
func bubbleSize() int {
	buf := make([]byte, 1<<20)
	bubble := regexp.MustCompile(`synctest bubble \d+`).FindString(string(buf[:runtime.Stack(buf, false)]))
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), bubble+"]")
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	start := time.UnixMilli(0x0123456789ab)
	for range 1000 {
		id := newRequestID(start)
		if !form.MatchString(id.String()) || id.String()[:13] != "01234567-89ab" || seen[id.String()] {
			t.Fatalf("got %s", id.String())
		}
		seen[id.String()] = true
	}
	for given, want := range map[string]string{
		"01234567-89AB-7def-8123-456789abcdef":          "01234567-89ab-7def-8123-456789abcdef",
		"0123456789ab7def8123456789abcdef":              "01234567-89ab-7def-8123-456789abcdef",
		"urn:uuid:01234567-89ab-7def-8123-456789abcdef": "",
		"{01234567-89ab-7def-8123-456789abcdef}":        "",
		"01234567-89ab-7def-8123-456789abcdeg":          "",
		"\"}\n{\"msg\":\"forged line of the log\"}":     "",
		"": "",
	} {
		id, ok := parseRequestID([]byte(given))
		if ok != (want != "") || ok && id.String() != want {
			t.Errorf("%q: got %s, %v", given, id.String(), ok)
		}
	}
}
