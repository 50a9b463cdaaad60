package audit

import (
	"fmt"
	"maps"
	"net/netip"
	"strconv"

	"tandem.example/pkg/ratelimit"
)

// waiting is an event that is to be written. Refusals that differ in nothing but
// their time are one event, the first, with their number in its details: whoever
// hammers at the door does not fill the log.
type waiting struct {
	event   Event
	like    string
	repeats int
}

// likeness is equal for refusals that are to be one event, and empty for what is
// an event of its own.
func likeness(e *Event) string {
	if e.Reason == "" {
		return ""
	}
	network := e.Address
	if addr, err := netip.ParseAddr(e.Address); err == nil {
		network = ratelimit.Network(addr) // one host of IPv6 has addresses without end
	}
	return fmt.Sprintf("%q", []any{e.Type, e.Reason, e.Actor, e.Subject, e.ClientID, e.SessionID, e.Tenant, network, e.Detail})
}

// told is the event with what is known of it by now.
func (w *waiting) told() Event {
	e := w.event
	if w.repeats > 0 {
		e.Detail = map[string]string{"repeats": strconv.Itoa(w.repeats)}
		maps.Copy(e.Detail, w.event.Detail)
	}
	return e
}
