package crdb

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"tandem.example/pkg/fault"
)

// The faults of this package. Every one of them is a reason to try again, none
// of them says anything about the data.
var (
	ErrUnavailable = fault.New(fault.Unavailable, "database_unavailable", "the database cannot be reached").After(2 * time.Second)
	ErrContention  = fault.New(fault.Unavailable, "database_contention", "too many writers at the same data").After(time.Second)
	ErrAmbiguous   = fault.New(fault.Unavailable, "outcome_unknown", "it is not known whether the change was made").After(time.Second)
)

// SQLSTATE codes that the code decides on (PostgreSQL, appendix A).
const (
	stateUniqueViolation      = "23505"
	stateSerializationFailure = "40001"
	stateCompletionUnknown    = "40003"
	stateDeadlock             = "40P01"
	stateQueryCanceled        = "57014"
	stateReadOnly             = "25006"
)

// Fault classifies what the driver returned. [pgx.ErrNoRows], faults and
// errors that only a defect can cause pass through unchanged; the last become
// internal errors at the border.
func Fault(err error) error {
	var f *fault.Error
	var pg *pgconn.PgError
	switch {
	case err == nil, errors.Is(err, pgx.ErrNoRows), errors.As(err, &f):
		return err
	case unconnected(err): // whatever the server said when it refused
		return ErrUnavailable.Because(err)
	case errors.As(err, &pg):
		return faultOfState(pg.Code, err)
	case connectionLost(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return ErrUnavailable.Because(err)
	default:
		return err
	}
}

func faultOfState(state string, err error) error {
	switch {
	case state == stateSerializationFailure, state == stateDeadlock:
		return ErrContention.Because(err)
	case state == stateCompletionUnknown:
		return ErrAmbiguous.Because(err)
	case state == stateReadOnly, serverGone(state):
		return ErrUnavailable.Because(err)
	default:
		return err
	}
}

// serverGone tells the classes in which the server, not the statement, is at
// fault: connection, resources, operator intervention, system, internal.
func serverGone(state string) bool {
	for _, class := range [...]string{"08", "53", "57", "58", "XX"} {
		if strings.HasPrefix(state, class) {
			return true
		}
	}
	return false
}

func connectionLost(err error) bool {
	var network net.Error
	return errors.As(err, &network) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, puddle.ErrClosedPool) || pgconn.SafeToRetry(err)
}

// Ambiguous tells whether a statement or COMMIT that returned err may have
// taken effect all the same. It errs on the side of yes: only a plain refusal
// by a living server, or a request that never left, is a no.
func Ambiguous(err error) bool {
	if err == nil || errors.Is(err, pgx.ErrNoRows) || unconnected(err) || pgconn.SafeToRetry(err) {
		return false
	}
	if errors.Is(err, ErrAmbiguous) {
		return true
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == stateCompletionUnknown || serverGone(pg.Code)
	}
	return true
}

// errUnsent marks what went wrong before there was a connection to send on.
var errUnsent = errors.New("no connection")

// unconnected tells a failure to get a connection. No statement was sent, also
// when the server gave a reason, such as that it is starting.
func unconnected(err error) bool {
	_, refused := errors.AsType[*pgconn.ConnectError](err)
	return refused || errors.Is(err, errUnsent)
}

// IsUnique tells a violated unique constraint. CockroachDB's old line does not
// name the constraint, so the caller knows it by the statement it ran.
func IsUnique(err error) bool { return hasState(err, stateUniqueViolation) }

// IsContention tells a transaction that lost against others and may be run
// again as a whole.
func IsContention(err error) bool {
	return hasState(err, stateSerializationFailure) || hasState(err, stateDeadlock)
}

// TimedOut tells a statement that the server stopped for its statement_timeout.
func TimedOut(err error) bool { return hasState(err, stateQueryCanceled) }

func hasState(err error, state string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == state
}
