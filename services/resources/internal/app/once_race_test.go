package app_test

import (
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// Sixty-four at once through two instances: one is carried out.
func TestOfManyAtOnceOneIsCarriedOut(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	by := w.caller(t)
	path, _ := i.create(t, by, `{"type":"counter","name":"n"}`)
	for _, op := range operations(path)[2:6] {
		key, answers := uuid.NewString(), make([]reply, 64)
		var sent sync.WaitGroup
		for n := range answers {
			sent.Go(func() {
				at := []*instance{i, next}[n%2]
				eventually(t, patience, "an answer", func() (bool, string) { // the machine may be too busy for two seconds
					answers[n] = at.once(t, by, key, op)
					retry := answers[n].status == http.StatusConflict || answers[n].status == http.StatusServiceUnavailable
					return !retry, answers[n].body
				})
			})
		}
		sent.Wait()
		fresh := 0
		for _, got := range answers {
			if got.status != answers[0].status || got.body != answers[0].body || got.status >= 300 {
				t.Fatalf("%s: %d %s, and %d %s", op.method, got.status, got.body, answers[0].status, answers[0].body)
			}
			if got.header.Get("Idempotent-Replayed") == "" {
				fresh++
			}
		}
		if fresh > 1 {
			t.Errorf("%s: %d were carried out", op.method, fresh)
		}
	}
	// The first create, the one of the volley, and nothing else; one version for each write.
	var committed, highest int
	row := w.sql(t).QueryRow(t.Context(), `SELECT count(*), max(version) FROM operations WHERE event->>'tenant' = $1`, by.claims.Tenant)
	if err := row.Scan(&committed, &highest); err != nil || committed != 5 || highest != 4 {
		t.Errorf("%d operations up to version %d, %v", committed, highest, err)
	}
}

func TestAKeyExpires(t *testing.T) {
	t.Parallel()
	w, i, next := serving(t)
	by := w.caller(t)
	key, create := uuid.NewString(), operations("/")[2]
	made := i.once(t, by, key, create)
	id := made.resource(t).ID
	age := func(hours int) {
		w.exec(t, `UPDATE operations SET created_at = now() - INTERVAL '`+strconv.Itoa(hours)+` hours' WHERE event->>'id' = '`+id+`'`)
	}
	age(23)
	if again := next.once(t, by, key, create); again.header.Get("Location") != made.header.Get("Location") {
		t.Errorf("after 23 hours: %d %s", again.status, again.body)
	}
	age(25)
	other := operation{method: "PATCH", path: made.header.Get("Location"), body: `{"name":"m"}`}
	got := next.once(t, by, key, other)
	if got.resource(t).Version != 2 || got.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("after 25 hours: %v %s", got.header, got.body)
	}
	same(t, got, i.once(t, by, key, other))
	i.once(t, by, key, create).is(t, 422, "idempotency_key_reused")
	var left int
	row := w.sql(t).QueryRow(t.Context(), `SELECT count(*) FROM operations WHERE event->>'id' = $1`, id)
	if err := row.Scan(&left); err != nil || left != 2 {
		t.Errorf("%d operations, %v", left, err)
	}
}
