package clients

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/zap/zaptest"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/devstack"
	"tandem.example/pkg/env"
	"tandem.example/services/auth/internal/audit"
	"tandem.example/services/auth/migrations"
)

func TestMain(m *testing.M) { devstack.Main(m) }

// nobody is a client without sessions.
type nobody struct {
	db    *crdb.DB
	ended atomic.Int64
}

func (n *nobody) EndClient(ctx context.Context, _ string, change func(context.Context, pgx.Tx) error) (int64, error) {
	n.ended.Add(1)
	if change == nil {
		return 0, nil
	}
	return 0, crdb.InTx(ctx, n.db, func(tx pgx.Tx) error { return change(ctx, tx) })
}

type world struct {
	store    *Postgres
	ledger   *Ledger
	sessions *nobody
}

func open(t *testing.T) world {
	t.Helper()
	url := env.Secret(devstack.T(t, devstack.Options{Database: true}).DatabaseURL)
	if err := crdb.Migrate(t.Context(), url, zaptest.NewLogger(t), migrations.Set()); err != nil {
		t.Fatal(err)
	}
	db, err := crdb.Open(crdb.Config{URL: url, MaxConns: 8, ConnectTimeout: 10 * time.Second, StatementTimeout: 30 * time.Second}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	store, sessions := NewPostgres(db), &nobody{db: db}
	return world{store, NewLedger(store, sessions), sessions}
}

func (w world) admin(registry *Registry) *Admin {
	return NewAdmin(w.ledger, Rules{Scopes: "resources:read admin"}, registry)
}

// Two instances on one database, with many clients that are changed while
// somebody always asks: whoever comes after the acknowledgement is told the new.
func TestAnAcknowledgedChangeHoldsAtEveryInstance(t *testing.T) {
	t.Parallel()
	w := open(t)
	one, two := NewRegistry(w.store), NewRegistry(w.store)
	admin := w.admin(one)
	var all sync.WaitGroup
	for range 24 {
		all.Go(func() {
			r, secret, err := admin.Create(t.Context(), "boss", Client{Name: "x", Scopes: "resources:read"})
			if err != nil {
				t.Error(err)
				return
			}
			ask := func(registry *Registry, secret env.Secret) error {
				_, err := registry.Authenticate(t.Context(), r.ID, secret.Reveal())
				return err
			}
			for range 4 {
				ending, stop := context.WithCancel(t.Context())
				var crowd sync.WaitGroup
				for _, registry := range []*Registry{one, two} {
					crowd.Go(func() {
						for ending.Err() == nil {
							_ = ask(registry, secret)
							after(ending, 5*time.Millisecond)
						}
					})
				}
				_, next, err := admin.Rotate(t.Context(), "boss", r.ID, 0)
				if err != nil {
					t.Error(err)
				}
				for _, registry := range []*Registry{one, two} {
					if err := ask(registry, secret); !errors.Is(err, ErrClient) {
						t.Errorf("a secret that was rotated away: %v", err)
					}
					if err := ask(registry, next); err != nil {
						t.Errorf("the new secret: %v", err)
					}
				}
				stop()
				crowd.Wait()
				secret = next
			}
			if _, err := admin.Disable(t.Context(), "boss", r.ID, func(r *Record) { r.Disabled = true }); err != nil {
				t.Error(err)
			}
			for _, registry := range []*Registry{one, two} {
				if err := ask(registry, secret); !errors.Is(err, ErrClient) {
					t.Errorf("a client that was disabled: %v", err)
				}
			}
		})
	}
	all.Wait()
	if n := w.sessions.ended.Load(); n != 2*24 {
		t.Errorf("sessions were ended %d times", n)
	}
}

func after(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func TestRotationWithOverlap(t *testing.T) {
	t.Parallel()
	w := open(t)
	registry := NewRegistry(w.store)
	admin := w.admin(registry)
	r, first, err := admin.Create(t.Context(), "boss", Client{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	r, second, err := admin.Rotate(t.Context(), "boss", r.ID, time.Hour)
	if err != nil || r.until().Sub(r.Updated) != time.Hour {
		t.Fatal(r.until(), err)
	}
	works := func(secret env.Secret) bool {
		_, err := registry.Authenticate(t.Context(), r.ID, secret.Reveal())
		return err == nil
	}
	if !works(first) || !works(second) {
		t.Error("within the overlap both work")
	}
	_, third, err := admin.Rotate(t.Context(), "boss", r.ID, time.Hour)
	if err != nil || works(first) || !works(second) || !works(third) {
		t.Error("the one before the previous ends", err)
	}
	_, fourth, err := admin.Rotate(t.Context(), "boss", r.ID, 0)
	if err != nil || works(second) || works(third) || !works(fourth) {
		t.Error("without an overlap only the new one works", err)
	}
	public, none, err := admin.Create(t.Context(), "boss", Client{Name: "x", Public: true})
	if err != nil || none != "" {
		t.Fatal(none, err)
	}
	if _, _, err := admin.Rotate(t.Context(), "boss", public.ID, 0); !errors.Is(err, ErrNoSecret) {
		t.Errorf("a public client: %v", err)
	}
}

// What was done is in the log exactly if it was done, also when it is done twice
// because the first outcome was not heard.
func TestAdministrationIsLogged(t *testing.T) {
	t.Parallel()
	w := open(t)
	e := audit.New(t.Context(), audit.Event{Type: audit.ClientCreate, Actor: "boss", ClientID: "web"})
	if _, err := w.ledger.Create(t.Context(), web(), e); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ledger.Create(t.Context(), web(), audit.New(t.Context(), e)); !errors.Is(err, ErrTaken) {
		t.Fatalf("another of the name: %v", err)
	}
	change := audit.New(t.Context(), audit.Event{Type: audit.ClientUpdate, Actor: "boss", ClientID: "web"})
	again := 0
	rename := func(r *Record, e *audit.Event) error {
		again++
		r.Name, e.Detail = "new", map[string]string{"name": "changed"}
		if again == 1 { // as if the answer to COMMIT were lost
			return crdb.ErrAmbiguous
		}
		return nil
	}
	if _, err := w.ledger.Change(t.Context(), "web", change, rename); err != nil {
		t.Fatal(err)
	}
	again = 0
	if r, err := w.ledger.Change(t.Context(), "web", change, rename); err != nil || r.Name != "new" {
		t.Errorf("a change whose first outcome was not heard: %+v, %v", r, err)
	}
	if _, err := w.ledger.Change(t.Context(), "web", audit.New(t.Context(), change), func(*Record, *audit.Event) error { return ErrSettings }); !errors.Is(err, ErrSettings) {
		t.Errorf("a refused change: %v", err)
	}
	rows, err := w.store.db.Pool().Query(t.Context(), `SELECT id FROM audit ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil || len(ids) != 2 || ids[0] != e.ID || ids[1] != change.ID {
		t.Errorf("events %v, %v", ids, err)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	rules := Rules{Scopes: "resources:read admin"}
	for pointer, c := range map[string]Client{
		"":             {ID: "web", Name: " Cafe\u0301 ", Grants: []string{GrantPassword, GrantRefresh}, Scopes: "admin", Audiences: []string{"https://x"}, FirstParty: true},
		"/client_id":   {ID: "a_b", Name: "x"},
		"/name":        {ID: "web", Name: " \u00a0 "},
		"/grants/0":    {ID: "web", Name: "x", Grants: []string{GrantPassword}},
		"/grants/1":    {ID: "web", Name: "x", Grants: []string{GrantRefresh, GrantClient}, Public: true},
		"/grants/2":    {ID: "web", Name: "x", Grants: []string{GrantRefresh, GrantClient, GrantRefresh}},
		"/scopes/1":    {ID: "web", Name: "x", Scopes: "admin resources:burn"},
		"/audiences/0": {ID: "web", Name: "x", Audiences: []string{"a b"}},
		"/audiences":   {ID: "web", Name: "x", Audiences: many(33)},
	} {
		r := Record{Client: c}
		err := rules.check(&r)
		if pointer == "" {
			if err != nil || r.Name != "Café" {
				t.Errorf("%+v: %v", r, err)
			}
			continue
		}
		if places := placesOf(err); len(places) != 1 || places[0] != pointer {
			t.Errorf("%s: %v", pointer, err)
		}
	}
	all := Record{Client: Client{ID: "", Name: "", Grants: []string{"magic"}, Scopes: "x", Audiences: []string{""}}}
	if places := placesOf(rules.check(&all)); len(places) != 5 {
		t.Errorf("not every mistake is told: %v", places)
	}
	if Vocabulary(bearer.RoleScopes{}) != builtIn {
		t.Error("the services' own scopes are always there")
	}
}
