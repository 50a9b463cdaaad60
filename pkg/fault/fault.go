// Package fault is the one error type that crosses a capability's border.
//
// A fault says what kind of failure it is, names it with a stable code for
// programs, and carries a detail that is safe to show. Its cause is for logs
// alone. An error that is not a fault is [Internal]: its text never leaves the
// process.
package fault

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is what a caller can do about a failure. The zero Kind is Internal, so
// an error nobody classified is never shown as anything milder.
type Kind uint8

// The kinds, each with the one HTTP status it maps to (RFC 9110 §15).
const (
	Internal             Kind = iota // 500
	Invalid                          // 400
	Unauthenticated                  // 401
	Forbidden                        // 403
	NotFound                         // 404
	MethodNotAllowed                 // 405
	Conflict                         // 409
	PreconditionFailed               // 412
	TooLarge                         // 413
	UnsupportedMediaType             // 415
	Unprocessable                    // 422
	PreconditionRequired             // 428
	TooManyRequests                  // 429
	HeadersTooLarge                  // 431
	Unavailable                      // 503
	Timeout                          // 504
)

// Violation says where in the input a rule is broken: Pointer is a JSON
// Pointer (RFC 6901) into the body, or the name of a parameter or header.
type Violation struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// Error is a classified failure. Declare one per failure as a package variable
// with [New]; the methods below return copies, so the variable stays a
// constant that [errors.Is] matches by its code.
type Error struct {
	Kind       Kind
	Code       string // stable, snake_case; part of the API
	Detail     string // safe to show to any client
	Violations []Violation
	RetryAfter time.Duration // when a retry may help; zero if it would not
	cause      error
}

// New declares a fault.
func New(kind Kind, code, detail string) *Error {
	return &Error{Kind: kind, Code: code, Detail: detail}
}

// Error is for logs: it includes the cause, which is not for clients.
func (e *Error) Error() string {
	parts := []string{e.Code, ": ", e.Detail}
	for _, v := range e.Violations {
		parts = append(parts, "; ", v.Pointer, " ", v.Detail)
	}
	if e.cause != nil {
		parts = append(parts, ": ", e.cause.Error())
	}
	return strings.Join(parts, "")
}

// Unwrap gives the private cause.
func (e *Error) Unwrap() error { return e.cause }

// Is matches faults by code, so that a copy with a cause or a detail of its
// own is still the declared fault.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code
}

// Because returns a copy that carries a private cause.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// Detailf returns a copy with another public detail.
func (e *Error) Detailf(format string, args ...any) *Error {
	c := *e
	c.Detail = fmt.Sprintf(format, args...)
	return &c
}

// At returns a copy with one violation more.
func (e *Error) At(pointer, detail string) *Error {
	c := *e
	c.Violations = append(slices.Clip(c.Violations), Violation{pointer, detail})
	return &c
}

// After returns a copy that tells the client when to try again.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// errInternal stands in for every error that nobody classified.
var errInternal = New(Internal, "internal", "an unexpected condition was met")

// From finds the fault in err's chain. An error without one becomes Internal
// with err as its private cause; nil stays nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*Error](err); ok {
		return f
	}
	return errInternal.Because(err)
}

// KindOf is the kind of the fault in err's chain.
func KindOf(err error) Kind { return From(err).Kind }
