package app_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
)

func TestAnotherTenantsResourceDoesNotExist(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	owner, stranger := w.caller(t), w.caller(t)
	colleague := w.caller(t, inTenant(owner.claims.Tenant))
	path, made := i.create(t, owner, `{"type":"invoice","name":"n"}`)
	i.call(t, owner, "GET", path, "") // fills the cache

	for _, op := range operations(path) {
		if op.path != path {
			continue
		}
		for _, at := range []*instance{i, next} {
			got := at.call(t, stranger, op.method, path, op.body)
			got.is(t, 404, "resource_not_found")
			if got.header.Get("ETag") != "" || got.header.Get("Cache-Status") != "" {
				t.Errorf("%s: %v", op.method, got.header)
			}
		}
	}
	i.call(t, stranger, "GET", path, "", "If-None-Match", `"1"`).is(t, 404, "resource_not_found")
	i.call(t, stranger, "GET", path, "", "Cache-Control", "no-cache").is(t, 404, "resource_not_found")
	if got := i.call(t, stranger, "GET", "/v1/resources", ""); got.body != `{"items":[],"next_cursor":null}` {
		t.Errorf("a stranger's list: %s", got.body)
	}
	if got := i.call(t, colleague, "PATCH", path, `{"name":"m"}`).resource(t); got.Version != 2 || got.Owner != made.Owner {
		t.Errorf("a colleague's change: %+v", got)
	}
}

// page reads one page of a list.
func (i *instance) page(t *testing.T, by caller, query string) (ids []string, next string) {
	t.Helper()
	got := i.call(t, by, "GET", "/v1/resources?"+query, "")
	var p struct {
		Items []resource `json:"items"`
		Next  *string    `json:"next_cursor"`
	}
	if err := json.Unmarshal([]byte(got.body), &p); err != nil || got.status != 200 {
		t.Fatalf("%s: %d %s", query, got.status, got.body)
	}
	for _, r := range p.Items {
		ids = append(ids, r.ID)
	}
	if p.Next != nil {
		next = *p.Next
	}
	return ids, next
}

func TestListsGiveEveryResourceOnce(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	by, other := w.caller(t), w.caller(t)
	var all, invoices []string
	for n := range 7 {
		kind := []string{"invoice", "order"}[n%2]
		_, made := i.create(t, by, fmt.Sprintf(`{"type":%q,"name":"n"}`, kind))
		i.create(t, other, `{"type":"invoice","name":"n"}`)
		all = append(all, made.ID)
		if kind == "invoice" {
			invoices = append(invoices, made.ID)
		}
	}
	for _, c := range []struct {
		query string
		want  []string
		pages int
	}{
		{"limit=3", all, 3},
		{"limit=7", all, 1},
		{"limit=100", all, 1},
		{"", all, 1},
		{"type=invoice&limit=3", invoices, 2},
		{"type=invoice&limit=2", invoices, 2},
		{"type=none&limit=1", nil, 1},
	} {
		var got []string
		pages, cursor := 0, ""
		for {
			ids, after := next.page(t, by, c.query+cursor)
			got, pages = append(got, ids...), pages+1
			if after == "" || pages > len(all) {
				break
			}
			cursor = "&cursor=" + after
		}
		if !slices.Equal(got, c.want) || pages != c.pages {
			t.Errorf("%q: %d pages, %v, want %v", c.query, pages, got, c.want)
		}
	}
	// What is deleted behind the cursor, or made meanwhile, moves nothing else.
	first, cursor := i.page(t, by, "limit=2")
	i.call(t, by, "DELETE", "/v1/resources/"+first[1], "")
	_, late := i.create(t, by, `{"type":"order","name":"late"}`)
	rest, _ := i.page(t, by, "limit=50&cursor="+cursor)
	if !slices.Equal(rest, append(slices.Clone(all[2:]), late.ID)) {
		t.Errorf("after the cursor: %v", rest)
	}
}
