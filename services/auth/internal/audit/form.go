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

// tidy drops what has another form than it should have. It is the last line of
// defence: that a text of the caller's own choice is not in an event is for
// those who make events.
func (e *Event) tidy() {
	for _, id := range []*string{&e.Actor, &e.Subject, &e.ClientID, &e.SessionID, &e.Tenant, &e.RequestID} {
		if !idForm.MatchString(*id) {
			*id = ""
		}
	}
	if e.Reason != "" && !codeForm.MatchString(e.Reason) {
		e.Reason = "unknown"
	}
	detail := make(map[string]string, len(e.Detail))
	for key, value := range e.Detail {
		if len(detail) < maxDetails && codeForm.MatchString(key) && detailForm.MatchString(value) {
			detail[key] = value
		}
	}
	e.Detail = detail
}
