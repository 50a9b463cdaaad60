package ratelimit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is how many may come at once, and the time in which as many are regained,
// one after the other at even distances.
type Rate struct {
	Quota  int
	Window time.Duration
}

// maxWindow bounds how long anybody is remembered.
const maxWindow = 24 * time.Hour

var errRate = errors.New("a rate is a number and a time, such as 20/1h")

// UnmarshalText reads a form such as 600/1m: a whole number, and a time of whole
// seconds that is at most a day.
func (r *Rate) UnmarshalText(text []byte) error {
	number, span, _ := strings.Cut(string(text), "/")
	quota, err1 := strconv.Atoi(number)
	window, err2 := time.ParseDuration(span)
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("%w: %w", errRate, err)
	}
	// At most one in a microsecond, which is what the clock can tell apart.
	if window < time.Second || window > maxWindow || window%time.Second != 0 || quota < 1 || int64(quota) > window.Microseconds() {
		return errRate
	}
	r.Quota, r.Window = quota, window
	return nil
}

// interval is the time in which one is regained. It is cut to microseconds, so
// that sums of it are exact.
func (r Rate) interval() time.Duration {
	return (r.Window / time.Duration(r.Quota)).Truncate(time.Microsecond)
}

// burst is how far ahead of the clock callers may be.
func (r Rate) burst() time.Duration { return r.interval() * time.Duration(r.Quota) }
