// Package relay announces every committed change: it reads the rows of the table
// operations that are not published yet and publishes each to JetStream.
//
// It promises that no committed change stays unannounced, that the announcements
// of one resource are stored in the order of its versions, and that neither a
// crash at any point, nor several relays at once, nor one that wakes up late can
// break that. A change may be offered to NATS again; then it is refused, or
// stored once more under the same id when that was long ago.
//
// # Why the order holds
//
// Let a subject be one resource. Its writers leave version v+1 only on top of a
// committed v, each in one SERIALIZABLE statement that also inserts the row. So
// whoever sees the row of v+1 sees that of v, if it reads both in one snapshot.
// What is not true is that created_at grows with the version: it is the time at
// which a transaction began, and the one that began first may wait for the other
// and commit last. Hence time only chooses which subjects are served first. All
// the rows of a subject that are not published are then read in one statement,
// lowest version first, so that nothing below the first of them is missing: it
// is published, or it does not exist.
//
// Next the relay reads the last message on the subject: its sequence s, and the
// version w in its header. A row with a version up to w was announced by someone
// before, and is only marked. A row above w is published on the condition that s
// still is the last sequence of the subject, which the server checks as it
// stores. If the check passes, the stream's versions of that subject have grown;
// by the snapshot, without a gap. If it fails, another relay was there, and all
// is read again. A relay that was stopped at any line, for any time, still holds
// an s that by then is not the last. A stale answer about the last message, as a
// replica may give, is an s of the past, too.
//
// Should a writer break the rule and commit a version below one that is already
// announced, its row is marked and not published: subscribers would have to drop
// it, since what they hold is newer. The metric of skipped rows shows it.
//
// None of this needs the leases. They only keep relays from doing the same work:
// the holder of a shard sweeps it, while any process may publish what it has
// just written itself. The row is marked after the server's acknowledgement, so
// a crash in between leads to a second offer, which the version w answers. The
// memory of s and w is the stream's own, as long as it keeps its messages (three
// days); a resource that was silent for longer begins with s = 0.
//
// # What is kept
//
// A row stays for two days after its work is done, and longer while [Asked] says
// that somebody may still want its outcome; one that is not published stays for
// ever. The holder of a shard deletes what is older, a thousand rows at a time.
// What was said of the order does not change: a row that goes is published, and
// so is everything below it.
//
// The key by which a request can be repeated (idempotency_key), and the answer that
// was kept with it, go from their row after a day.
package relay
