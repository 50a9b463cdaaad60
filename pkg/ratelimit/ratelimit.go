// Package ratelimit counts what callers do, in Redis, for all instances at once.
//
// It promises that of any number of attempts, made at once and through whichever
// instance, exactly as many are admitted as the limit says; that a limit is
// regained evenly and never locks anybody out for good; and that nothing is
// admitted that could not be counted: without Redis the answer is a 503. Redis
// holds digests of those who are counted, for as long as the count matters.
//
// A Redis that is another incarnation (package epoch) counts from zero.
package ratelimit

import (
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"strings"
	"time"

	"tandem.example/pkg/fault"
)

// ErrExceeded is the fault of an [*ExceededError].
var ErrExceeded = fault.New(fault.TooManyRequests, "rate_limited", "too many attempts")

// Limit is a rate that callers know by a name.
type Limit struct {
	Rate

	Name string // a token: it is part of keys, header fields and metrics
}

// Charge asks for one more of a limit, for one of those it counts apart.
type Charge struct {
	Limit Limit
	key   string
}

// Of names whom the charge is for, by one or more texts that a caller may choose.
func (l Limit) Of(whom ...string) Charge {
	h := sha256.New()
	for _, part := range whom {
		sum := sha256.Sum256([]byte(part)) // so that two parts cannot pass for others
		_, _ = h.Write(sum[:])             // a hash never fails
	}
	return Charge{l, "rate:" + l.Name + ":" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])}
}

// Network is what counts as one caller: an address, of IPv6 the /64, since every
// host has that many. The zero Addr, of a request without one, is a caller too.
func Network(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if !addr.Is6() {
		return addr.String()
	}
	return netip.PrefixFrom(addr, 64).Masked().String()
}

// State is where a limit stands for whom it was asked.
type State struct {
	Limit     Limit
	Remaining int           // that would be admitted now
	Reset     time.Duration // until all of the quota is there again
	Wait      time.Duration // until one is admitted; zero if one is, or was
}

// ExceededError is the refusal of a charge: an [ErrExceeded] that says when to try
// again.
type ExceededError struct{ States []State } // of the limits that refused

// Error implements error.
func (e *ExceededError) Error() string {
	var text strings.Builder
	text.WriteString(ErrExceeded.Code + ":")
	for _, s := range e.States {
		text.WriteString(" " + s.Limit.Name)
	}
	return text.String()
}

// Unwrap gives the fault.
func (e *ExceededError) Unwrap() error {
	var wait time.Duration
	for _, s := range e.States {
		wait = max(wait, s.Wait)
	}
	return ErrExceeded.After(wait)
}

// exceeded is nil if every limit admits one.
func exceeded(states []State) error {
	var e ExceededError
	for _, s := range states {
		if s.Wait > 0 {
			e.States = append(e.States, s)
		}
	}
	if e.States == nil {
		return nil
	}
	return &e
}
