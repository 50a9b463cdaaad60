package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem.example/pkg/devstack"
)

// past makes an event of some time ago.
func past(t *testing.T, ago time.Duration, e Event) Event {
	t.Helper()
	e = New(t.Context(), e)
	id := floorOf(time.Now().Add(-ago))
	copy(id[6:], e.ID[6:])
	e.ID, e.At = id, timeOf(id)
	return e.tidied()
}

// walk reads all pages of a query.
func walk(t *testing.T, log *Log, q Query) (all []Event) {
	t.Helper()
	for {
		page, err := log.Page(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) > q.Limit {
			t.Fatalf("%d items on a page of %d", len(page.Items), q.Limit)
		}
		all = append(all, page.Items...)
		if page.Next == nil {
			return all
		}
		if q, err = q.At(*page.Next); err != nil {
			t.Fatal(err)
		}
	}
}

// Every filter, and any of them together, gives what a look at each event would,
// newest first, on pages of any size.
func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	pick := func(of ...string) string { return of[rand.IntN(len(of))] }
	var events []Event
	for i := range 300 {
		events = append(events, past(t, time.Duration(rand.IntN(5000))*time.Millisecond, Event{
			Type: types()[i%3], Reason: pick("", "invalid_grant"), Actor: pick("a", "b"), Subject: pick("a", "b", "c"), ClientID: pick("x", "y"),
		}))
	}
	w.store(events...)
	slices.SortFunc(events, func(a, b Event) int { return strings.Compare(b.ID.String(), a.ID.String()) })
	log := NewLog(w.db, quiet{})
	now := time.Now()
	for range 60 {
		q := Query{
			Type: Type(pick("", string(types()[0]))), Outcome: pick("", Success, Failure), Actor: pick("", "a"), Subject: pick("", "b", "nobody"),
			ClientID: pick("", "x"), Limit: 1 + rand.IntN(100),
		}
		if rand.IntN(2) == 0 {
			q.Since = now.Add(-time.Duration(rand.IntN(6000)) * time.Millisecond)
		}
		if rand.IntN(2) == 0 {
			q.Until = events[rand.IntN(len(events))].At // to the millisecond
		}
		var want []uuid.UUID
		for _, e := range events {
			if (q.Type == "" || q.Type == e.Type) && (q.Outcome == "" || q.Outcome == e.Outcome) && (q.Actor == "" || q.Actor == e.Actor) &&
				(q.Subject == "" || q.Subject == e.Subject) && (q.ClientID == "" || q.ClientID == e.ClientID) &&
				!e.At.Before(q.Since) && (q.Until.IsZero() || e.At.Before(q.Until)) {
				want = append(want, e.ID)
			}
		}
		var got []uuid.UUID
		for _, e := range walk(t, log, q) {
			got = append(got, e.ID)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%+v: %d events, want %d", q, len(got), len(want))
		}
	}
}

// What is written while somebody reads neither repeats nor hides anything of what
// was there when the reading began.
func TestPagesAreStable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	before := w.store(many(t.Context(), 20)...)
	log, q := NewLog(w.db, quiet{}), Query{Limit: 7}
	var seen []uuid.UUID
	for {
		page, err := log.Page(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Items {
			seen = append(seen, e.ID)
		}
		if page.Next == nil {
			break
		}
		w.store(many(t.Context(), 3)...)
		if q, err = q.At(*page.Next); err != nil {
			t.Fatal(err)
		}
	}
	slices.Reverse(seen)
	want := make([]uuid.UUID, len(before))
	for i := range before {
		want[i] = before[i].ID
	}
	if !slices.Equal(seen, want) {
		t.Errorf("%d events, want %d", len(seen), len(want))
	}
}

func TestCursors(t *testing.T) {
	t.Parallel()
	q := Query{Type: TokenIssue, Limit: 1}
	good := q.cursor(New(t.Context(), Event{}).ID)
	if _, err := q.At(good); err != nil {
		t.Error(err)
	}
	other := q
	other.Subject = "s"
	none := uuid.New() // of another version
	for name, try := range map[string]struct {
		q      Query
		cursor string
	}{
		"of another query": {other, good},
		"empty":            {q, ""},
		"no base64":        {q, "*"},
		"short":            {q, good[:8]},
		"long":             {q, good + good},
		"another version":  {q, q.cursor(none)},
		"zero":             {q, base64.RawURLEncoding.EncodeToString(make([]byte, 24))},
	} {
		if _, err := try.q.At(try.cursor); !errors.Is(err, ErrCursor) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCursor(f *testing.F) {
	q := Query{}
	f.Add(q.cursor(floorOf(time.Now())))
	f.Add("")
	f.Fuzz(func(t *testing.T, cursor string) {
		moved, err := q.At(cursor)
		if err == nil && (moved.before.Version() != 7 || q.cursor(moved.before) != cursor) {
			t.Error("taken, and not one of ours")
		}
	})
}

// Each filter has an index that also has the order of the page.
func TestEachFilterHasItsIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t, devstack.Options{})
	var events []Event
	for i := range 5000 {
		n := strconv.Itoa(i % 100)
		e := Event{Type: types()[i%len(types())], Actor: "a" + n, Subject: "s" + n, ClientID: "c" + n}
		if i%100 == 0 {
			e.Reason = "invalid_grant"
		}
		events = append(events, New(t.Context(), e))
	}
	w.store(events...)
	w.exec(`ANALYZE audit`)
	postgres := w.stack.Database() == "postgres"
	for column, q := range map[string]Query{
		"type": {Type: TokenIssue}, "outcome": {Outcome: Failure}, "actor": {Actor: "a1"}, "subject": {Subject: "s1"}, "client_id": {ClientID: "c1"},
	} {
		q.Limit = MaxLimit
		tx, err := w.db.Pool().Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if postgres { // which would rather read so small a table as a whole
			for _, off := range []string{"seqscan", "sort", "bitmapscan"} {
				if _, err := tx.Exec(t.Context(), `SET LOCAL enable_`+off+` = off`); err != nil {
					t.Fatal(err)
				}
			}
		}
		query, args := q.sql()
		rows, err := tx.Query(t.Context(), `EXPLAIN `+query, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		var plan strings.Builder
		for rows.Next() {
			values, err := rows.Values()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&plan, values...)
		}
		if err := errors.Join(rows.Err(), tx.Rollback(t.Context())); err != nil {
			t.Fatal(err)
		}
		if text := plan.String(); !strings.Contains(text, "audit_"+column) || postgres && strings.Contains(text, "Sort") {
			t.Errorf("%s:\n%s", column, text)
		}
	}
}
