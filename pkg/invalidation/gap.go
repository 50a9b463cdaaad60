package invalidation

// Reason is why a subscriber may have missed events.
type Reason string

// The reasons.
const (
	Began      Reason = "began"      // the durable consumer is new: nothing from before is known
	Recreated  Reason = "recreated"  // the stream or the consumer is not the one that was followed
	Lost       Reason = "lost"       // the stream no longer has what comes after the last event handled
	Silence    Reason = "silence"    // nothing was heard for too long; events will follow, late
	Unreadable Reason = "unreadable" // an event could not be understood and was set aside
)

// Gap says that events were or may have been missed: whatever was derived from
// events, or kept on the strength of there being none, is to be dropped.
type Gap struct {
	Reason Reason
	Last   uint64 // the last sequence up to which everything was handled
	First  uint64 // the first that the stream has; zero if that was not asked
}
