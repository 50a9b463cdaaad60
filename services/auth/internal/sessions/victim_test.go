package sessions

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/epoch"
)

// victimVariable holds a death, in JSON, and makes this binary die it.
const victimVariable = "TEST_VICTIM"

// death is a call to the store, of an instance of its own, and the step at which
// the instance is killed.
type death struct {
	Servers servers
	Call    string
	Step    string // answered: after the call has returned
	Times   int    // that it comes to the step

	Subject, Client, Session, Token string
	Refresh, Origin                 string
	Before                          time.Time
}

// dies lets an instance die.
func (w *world) dies(d death) {
	w.tb.Helper()
	d.Servers = servers{w.stack.DatabaseURL, w.stack.RedisURL, w.stack.CAFile}
	text, err := json.Marshal(d)
	if err != nil {
		w.tb.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		w.tb.Fatal(err)
	}
	cmd := exec.CommandContext(w.tb.Context(), self)
	cmd.Env = []string{victimVariable + "=" + string(text)}
	var said bytes.Buffer
	cmd.Stderr = &said
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.Exited() {
		w.tb.Fatalf("%s, %s: not killed: %v\n%s", d.Call, d.Step, err, &said)
	}
}

// victim is the whole of a process that is killed, if all goes well.
func victim(text string) (code int) {
	var d death
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	err := d.die(ctx)
	fmt.Fprintln(os.Stderr, "it lives:", err)
	return 1
}

func (d *death) die(ctx context.Context) error {
	db, keeper, err := connect(d.Servers, zap.NewNop())
	if err != nil {
		return err
	}
	keys, err := NewRefresher([]byte(secretA), nil)
	if err != nil {
		return err
	}
	store := NewStore(epoch.NewRegions(keeper), NewRows(db), keys, usual, nil)
	store.at = func(step string) {
		if step != d.Step {
			return
		}
		if d.Times--; d.Times <= 0 {
			kill()
		}
	}
	keeper.Start()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for keeper.Ready() != nil {
		select {
		case <-ctx.Done():
			return keeper.Ready()
		case <-tick.C:
		}
	}
	err = d.call(ctx, store)
	store.at("answered")
	return err
}

func kill() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {} // until it arrives
}

// call is what the instance was doing.
func (d *death) call(ctx context.Context, s *Store) (err error) {
	switch d.Call {
	case "login":
		var begun *Login
		g := grantTo(d.Subject, d.Client)
		if begun, err = s.Begin(ctx, d.Client); err == nil {
			g.Generation, err = s.Generation(ctx, d.Subject)
		}
		if err == nil {
			_, err = s.Create(ctx, begun, g)
		}
	case "refresh":
		_, err = s.Refresh(ctx, d.Refresh, d.Client, allowed)
	case "reuse":
		if _, err = s.Refresh(ctx, d.Refresh, d.Client, allowed); errors.Is(err, ErrReused) {
			err = nil
		}
	default:
		_, err = d.end(ctx, s)
	}
	return err
}

// end may be asked for again by somebody else.
func (d *death) end(ctx context.Context, s *Store) (int64, error) {
	switch d.Call {
	case "token":
		return s.EndToken(ctx, &bearer.Claims{
			ID: d.Token, Subject: d.Subject, ClientID: d.Client, SessionID: d.Session, Expires: time.Now().Add(time.Hour).Unix(),
		})
	case "session":
		return s.EndSession(ctx, d.Subject, d.Session)
	case "refresh token":
		return s.EndRefresh(ctx, d.Refresh, d.Client)
	case "subject":
		return s.EndSubject(ctx, d.Subject, "", nil)
	case "client":
		return s.EndClient(ctx, d.Client, nil)
	case "origin":
		return s.EndOrigin(ctx, d.Origin, func(ctx context.Context, tx pgx.Tx) error {
			_, err := bearer.Bury(ctx, tx, bearer.Tombstone{
				Kind: bearer.KindClerkSession, ID: d.Origin, Subject: d.Subject, Expires: time.Now().Add(time.Hour),
			})
			return err
		})
	case "before":
		return s.EndBefore(ctx, d.Before)
	case "all":
		return s.EndAll(ctx)
	}
	return 0, errors.New("no such call: " + d.Call)
}
