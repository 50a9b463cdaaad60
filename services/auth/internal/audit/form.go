package audit

import "regexp"

// The forms of what may be in an entry. Subjects, clients, sessions and tenants
// have ids of one alphabet, whoever makes them; details are few words.
var (
	idForm     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	codeForm   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	detailForm = regexp.MustCompile(`^[A-Za-z0-9_.:,;/+@ -]{1,256}$`)
)

const maxDetails = 12

// tidied is the event as it is written: its outcome is set, and what has another
// form than it should have is left out. That is the last line of defence: that a
// text of the caller's own choice is not in an event is for those who make it.
func (e *Event) tidied() Event {
	t := *e
	t.Outcome = Success
	if t.Reason != "" {
		t.Outcome = Failure
	}
	for _, id := range []*string{&t.Actor, &t.Subject, &t.ClientID, &t.SessionID, &t.Tenant, &t.RequestID} {
		if !idForm.MatchString(*id) {
			*id = ""
		}
	}
	if t.Reason != "" && !codeForm.MatchString(t.Reason) {
		t.Reason = "unknown"
	}
	detail := make(map[string]string, len(t.Detail))
	for key, value := range t.Detail {
		if len(detail) < maxDetails && codeForm.MatchString(key) && detailForm.MatchString(value) {
			detail[key] = value
		}
	}
	t.Detail = detail
	return t
}
