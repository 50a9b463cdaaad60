package bearer

import (
	"context"

	"tandem.example/pkg/epoch"
)

// admission is the request's context from the guard on: who calls, and the
// check that the token is still live, which may be under way. It belongs to the
// request's goroutine.
type admission struct {
	context.Context //nolint:containedctx // it is a context, with one allocation for all it adds

	principal Principal
	trip      *epoch.Trip
	probe     probe
	external  External
	status    Status // asked about raw, where there is no trip
	raw       string
	answered  bool
	err       error
}

type admissionKey struct{}

// Value implements [context.Context].
func (a *admission) Value(key any) any {
	if _, ok := key.(admissionKey); ok {
		return a
	}
	return a.Context.Value(key)
}

func admissionFrom(ctx context.Context) *admission {
	a, _ := ctx.Value(admissionKey{}).(*admission)
	return a
}

// Admit waits until the request's token is known to be live. Under
// [Guard.Deferred] a handler calls it before it does anything but read the
// cache; elsewhere it costs nothing. It returns [ErrRevoked], a 503, or
// [ErrMissing] where no guard is.
func Admit(ctx context.Context) error {
	a := admissionFrom(ctx)
	if a == nil {
		return ErrMissing
	}
	return a.await(ctx)
}

func (a *admission) await(ctx context.Context) error {
	if !a.answered {
		a.answered, a.err = true, a.ask(ctx)
	}
	return a.err
}

func (a *admission) ask(ctx context.Context) error {
	if a.trip == nil {
		if a.status == nil {
			return nil
		}
		return a.status.Live(ctx, a.raw)
	}
	if err := a.trip.Do(ctx); err != nil {
		return err
	}
	live, err := a.probe.live()
	if err != nil {
		return ErrUnread.Because(err)
	}
	if live {
		return nil
	}
	if a.external != nil {
		return a.external.Admit(ctx, a.trip.Epoch(), &a.principal)
	}
	return ErrRevoked
}
