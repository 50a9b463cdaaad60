package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// walk is one journey.
type walk struct {
	ctx    context.Context //nolint:containedctx // a walk is one call of Run
	stack  Stack
	client *http.Client
	out    io.Writer
	steps  int

	token, path, id string
	visit           visit
}

func (w *walk) say(format string, args ...any) {
	_, _ = fmt.Fprintf(w.out, format+"\n", args...) // a console that is gone is no reason to stop
}

func (w *walk) title(text string) {
	w.steps++
	w.say("\n%d. %s", w.steps, text)
}

// form posts as the demo client.
func (w *walk) form(target string, want int, pairs ...string) (*answer, error) {
	values := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		values.Set(pair[0], pair[1])
	}
	r, err := http.NewRequestWithContext(w.ctx, http.MethodPost, target, strings.NewReader(values.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(w.stack["DEMO_CLIENT_ID"]), url.QueryEscape(w.stack["DEMO_CLIENT_SECRET"]))
	return w.send(r, want)
}

// json asks with a bearer token, if there is one, and other header fields, given as
// names and values.
func (w *walk) json(method, target, token string, want int, body string, header ...string) (*answer, error) {
	r, err := http.NewRequestWithContext(w.ctx, method, target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	return w.send(r, want)
}

func (w *walk) send(r *http.Request, want int) (*answer, error) {
	begin := time.Now()
	response, err := w.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	took := time.Since(begin).Round(10 * time.Microsecond)
	cache := response.Header.Get("Cache-Status")
	if cache != "" {
		cache = "  Cache-Status: " + cache
	}
	w.say("   %-6s %s → %d  %s%s", r.Method, r.URL.Redacted(), response.StatusCode, took, cache)
	if response.StatusCode != want {
		return nil, fmt.Errorf("the status is %d, not %d: %s", response.StatusCode, want, problemOf(body))
	}
	a := &answer{header: response.Header}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &a.members); err != nil {
			return nil, fmt.Errorf("the body is not a JSON object: %w", err)
		}
	}
	return a, nil
}

// problemOf shows of a failure what names it; the whole body may hold a token.
func problemOf(body []byte) string {
	var p struct {
		Code   string `json:"code"`
		Error  string `json:"error"`
		Detail string `json:"detail"`
	}
	_ = json.Unmarshal(body, &p) // then there is nothing to show
	return strings.TrimSpace(p.Code + p.Error + " " + p.Detail)
}

// answer is a successful response.
type answer struct {
	header  http.Header
	members map[string]any
}

func (a *answer) text(member string) string {
	s, _ := a.members[member].(string)
	return s
}

func (a *answer) needs(member string, want any) error {
	if got := a.members[member]; got != want {
		return fmt.Errorf("%s is %v, not %v", member, got, want)
	}
	return nil
}

func (a *answer) cached(outcome string) error {
	if status := a.header.Get("Cache-Status"); !strings.Contains(status, outcome) {
		return fmt.Errorf("the cache says %q, not %q", status, outcome)
	}
	return nil
}
