package invalidation

// ledger knows up to which sequence of the stream everything is done. A
// subscriber compares that with the first sequence that the stream still has.
type ledger struct {
	highest uint64
	open    map[uint64]struct{} // delivered and not done
}

func newLedger(floor uint64) *ledger {
	return &ledger{highest: floor, open: map[uint64]struct{}{}}
}

// postpone notes a message that will come again.
func (l *ledger) postpone(seq uint64) {
	l.open[seq] = struct{}{}
	l.highest = max(l.highest, seq)
}

// done notes a message that is not needed again.
func (l *ledger) done(seq uint64) {
	delete(l.open, seq)
	l.highest = max(l.highest, seq)
}

// advance notes that nothing is left to be delivered up to seq.
func (l *ledger) advance(seq uint64) {
	if len(l.open) == 0 {
		l.highest = max(l.highest, seq)
	}
}

// floor is the last sequence up to which nothing is open.
func (l *ledger) floor() uint64 {
	floor := l.highest
	for seq := range l.open {
		floor = min(floor, seq-1)
	}
	return floor
}
