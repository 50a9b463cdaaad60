package gateway_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// What a browser or a token needs arrives; what is too much is refused with an answer.
func TestLargeHeaders(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			g := run(t, kind, behind{})
			token := g.login(t)
			many := func(n int) (header []string) {
				for i := range n {
					header = append(header, fmt.Sprintf("X-Field-%d", i), strings.Repeat("x", 1000))
				}
				return append(header, "Authorization", token)
			}
			for name, header := range map[string][]string{
				"cookies": {"Cookie", "__session=" + strings.Repeat("x", 12<<10), "Authorization", token}, "fields": many(12),
			} {
				for _, path := range []string{"/v1/me", "/v1/resources"} {
					if got := g.ask(t, "GET", path, "", header...); got.status != http.StatusOK {
						t.Errorf("%s, %s: %d %s", name, path, got.status, got.body)
					}
				}
			}
			if got := g.ask(t, "GET", "/v1/me", "", "Authorization", "Bearer "+strings.Repeat("x", 8<<10)); got.status != http.StatusUnauthorized {
				t.Errorf("a long token: %d %s", got.status, got.body)
			}
			for name, header := range map[string][]string{
				"one of 20 KB": {"Cookie", strings.Repeat("x", 20<<10)}, "20 KB": many(20), "60 KB": many(60), "200 KB": many(200),
				"one of 1 MB": {"Cookie", strings.Repeat("x", 1<<20)},
			} {
				for _, method := range []string{"GET", "POST"} {
					if got := g.ask(t, method, "/v1/resources", "", header...); got.status != http.StatusRequestHeaderFieldsTooLarge {
						t.Errorf("%s %s: %d %s", method, name, got.status, got.body)
					}
				}
			}
			if got := g.ask(t, "GET", "/v1/me", "", "Authorization", token); got.status != http.StatusOK {
				t.Errorf("afterwards: %d %s", got.status, got.body)
			}
		})
	}
}

// A body that is too long is refused with the service's own words.
func TestLongBodies(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			g := run(t, kind, behind{})
			for _, kilobytes := range []int{300, 3000} {
				body := `{"type":"` + strings.Repeat("x", kilobytes<<10) + `"}`
				if got := g.ask(t, "POST", "/v1/resources", body); got.status != http.StatusRequestEntityTooLarge || got.failure() != "body_too_large" {
					t.Errorf("%d KB: %d %s", kilobytes, got.status, got.body)
				}
			}
		})
	}
}

// Clients that do not finish what they begin are given up, and harm nobody.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			g := run(t, kind, behind{})
			token := g.login(t)
			begun := "POST /v1/resources HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
			half := "GET /v1/resources HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
			var slow []io.Reader
			for range 20 {
				for _, text := range []string{begun, half} {
					conn := g.dial(t)
					if _, err := io.WriteString(conn, text); err != nil {
						t.Fatal(err)
					}
					slow = append(slow, conn)
				}
			}
			for range 20 {
				if got := g.ask(t, "GET", "/v1/resources", "", "Authorization", token); got.status != http.StatusOK {
					t.Errorf("meanwhile: %d %s", got.status, got.body)
				}
			}
			for _, conn := range slow {
				switch got, err := http.ReadResponse(bufio.NewReader(conn), nil); {
				case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // closed
				case err != nil:
					t.Errorf("a slow client is not given up: %v", err)
				case got.StatusCode != http.StatusRequestTimeout:
					t.Errorf("a slow client gets %s", got.Status)
				}
			}
		})
	}
}

// Clients that break off in the middle of a body do not make an instance count as gone.
func TestClientsThatBreakOff(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			g := run(t, kind, behind{})
			token := g.login(t)
			for range 20 {
				conn := g.dial(t)
				begun := "POST /v1/resources HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
				if _, err := io.WriteString(conn, begun); err != nil {
					t.Fatal(err)
				}
				if err := conn.Close(); err != nil {
					t.Fatal(err)
				}
				if got := g.ask(t, "POST", "/v1/resources", `{"type":"kept","name":"n"}`, "Authorization", token); got.status != http.StatusCreated {
					t.Fatalf("another client: %d %s", got.status, got.body)
				}
			}
		})
	}
}
