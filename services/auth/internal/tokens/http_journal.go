package tokens

import (
	"context"
	"errors"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/fault"
	"tandem.example/services/auth/internal/audit"
	"tandem.example/services/auth/internal/clients"
	"tandem.example/services/auth/internal/sessions"
)

// Journal keeps what was tried. What began or ended a session is kept by those
// who do that, in the same transaction.
type Journal interface {
	// Record keeps an event before it returns, or returns a 503.
	Record(ctx context.Context, e audit.Event) error
	// Add keeps an event soon.
	Add(e audit.Event)
	// Pseudonym stands for a login name or client id that may not be one.
	Pseudonym(name string) string
}

// attempt is what has become known of a request while it is served.
type attempt struct {
	said    string // the client that it is said to come from
	client  string // the client that it is known to be about, proved or not
	grant   string // by one of the names there are
	login   string
	whose   sessions.Issued // what was issued, or as much as is known of whose it would have been
	nothing bool            // it was answered and has changed nothing
}

type attemptKey struct{}

func attemptOf(c *fiber.Ctx) *attempt {
	a, ok := c.Locals(attemptKey{}).(*attempt)
	if !ok {
		a = &attempt{}
		c.Locals(attemptKey{}, a)
	}
	return a
}

// asks notes what a request for tokens wants.
func (a *attempt) asks(f Form) {
	switch a.grant = "other"; f["grant_type"] {
	case GrantPassword, GrantRefresh, GrantClient, GrantExchange:
		a.grant = f["grant_type"]
	}
	if a.grant == GrantPassword {
		a.login = f["username"]
	}
}

// watch writes into the journal how a request ended. That a credential was wrong
// is there before the caller hears of it, so that nobody can try any unseen: if
// it cannot be written, the answer is a 503. All types of refusals other than
// that of a client are kind; none if that is empty.
func watch(j Journal, kind audit.Type) fiber.Handler {
	return func(c *fiber.Ctx) error {
		err := c.Next()
		a := attemptOf(c)
		e, ok := a.event(j, kind, err)
		if !ok {
			return err
		}
		e = audit.New(c.UserContext(), e)
		if !a.guess(err) {
			j.Add(e)
			return err
		}
		if failed := j.Record(c.UserContext(), e); failed != nil {
			c.Response().Header.Del(fiber.HeaderWWWAuthenticate)
			return failed
		}
		return err
	}
}

// guess tells whether somebody was looked at and is not who they say.
func (a *attempt) guess(err error) bool {
	if err == nil || fault.KindOf(err) == fault.TooManyRequests {
		return false
	}
	return errors.Is(err, clients.ErrClient) || a.grant == GrantPassword || a.grant == GrantExchange
}

// event is what the journal gets to know, if anything: not what is in the log
// already with the session that it made or ended, and not what was left undecided
// because something could not be reached.
func (a *attempt) event(j Journal, kind audit.Type, err error) (e audit.Event, ok bool) {
	if a.grant == GrantRefresh {
		kind = audit.TokenRefresh
	}
	e = audit.Event{
		Type: kind, Reason: audit.ReasonOf(err), ClientID: a.client, Subject: a.whose.Subject, SessionID: a.whose.SessionID,
		Tenant: a.whose.Tenant, Detail: map[string]string{},
	}
	if a.grant != "" {
		e.Detail["grant"] = a.grant
	}
	if err == nil && a.nothing {
		e.Actor, e.Reason = a.client, "nothing_revoked"
		return e, true
	}
	if err == nil {
		e.Actor = a.whose.Subject
		return e, kind == audit.TokenRefresh
	}
	switch fault.KindOf(err) { //nolint:exhaustive // the others are refusals
	case fault.Unavailable, fault.Timeout, fault.Internal:
		return e, false
	}
	if errors.Is(err, clients.ErrClient) {
		e.Type = audit.ClientRefused
	} else {
		e.Actor = a.client
	}
	if a.client == "" && a.said != "" {
		e.Detail["client"] = j.Pseudonym(a.said)
	}
	if a.login != "" {
		e.Detail["login"] = j.Pseudonym(a.login)
	}
	return e, e.Type != ""
}
