package relay

import "time"

// longestBlock is how long a subject rests at most that cannot be published.
const longestBlock = time.Minute

// backoff says how long to leave alone what has failed. The zero value does not
// hold anything back.
type backoff struct {
	until    time.Time
	failures int
}

// fail doubles the pause with each failure in a row.
func (b *backoff) fail(now time.Time, first, longest time.Duration) {
	b.until = now.Add(min(first<<min(b.failures, 12), longest))
	b.failures++
}

func (b *backoff) reset() { *b = backoff{} }

func (b *backoff) pausing(now time.Time) bool { return now.Before(b.until) }

func (r *Relay) block(subject string, first time.Duration) {
	b, ok := r.blocked[subject]
	if !ok {
		b = &backoff{}
		r.blocked[subject] = b
	}
	b.fail(time.Now(), first, longestBlock)
}

// blockedNow lists the subjects to leave out, never as nil, and forgets those
// that another relay has dealt with meanwhile.
func (r *Relay) blockedNow() []string {
	now, subjects := time.Now(), []string{}
	for subject, b := range r.blocked {
		switch {
		case b.pausing(now):
			subjects = append(subjects, subject)
		case now.Sub(b.until) > longestBlock:
			delete(r.blocked, subject)
		}
	}
	return subjects
}

func (r *Relay) unblocked(subjects []string) []string {
	now, free := time.Now(), subjects[:0]
	for _, subject := range subjects {
		if b, ok := r.blocked[subject]; !ok || !b.pausing(now) {
			free = append(free, subject)
		}
	}
	return free
}
