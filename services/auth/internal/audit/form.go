package audit

// The forms of what may be in an entry. Subjects, clients, sessions and tenants
// have ids of one alphabet, whoever makes them; details are words that can be
// printed, none if there are none of something any more, and have room for all
// that administrators can set.

func isID(text string) bool {
	return isOf(text, 128, func(c byte) bool { return isLetterOrDigit(c) || c == '_' || c == '-' })
}

func isCode(text string) bool {
	return isOf(text, 64, func(c byte) bool { return 'a' <= c && c <= 'z' || isDigit(c) || c == '_' }) && 'a' <= text[0] && text[0] <= 'z'
}

func isDetail(text string) bool {
	return text == "" || isOf(text, maxDetail, func(c byte) bool { return ' ' <= c && c <= '~' })
}

// isOf tells whether a text is there, is not too long and has nothing else in it.
func isOf(text string, most int, has func(byte) bool) bool {
	for i := range len(text) {
		if !has(text[i]) {
			return false
		}
	}
	return 0 < len(text) && len(text) <= most
}

func isLetterOrDigit(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || isDigit(c) }
func isDigit(c byte) bool         { return '0' <= c && c <= '9' }

const (
	maxDetails = 12
	maxDetail  = 8192
)

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
		if !isID(*id) {
			*id = ""
		}
	}
	if t.Reason != "" && !isCode(t.Reason) {
		t.Reason = "unknown"
	}
	detail := make(map[string]string, len(t.Detail))
	for key, value := range t.Detail {
		if len(detail) < maxDetails && isCode(key) && isDetail(value) {
			detail[key] = value
		}
	}
	t.Detail = detail
	return t
}
