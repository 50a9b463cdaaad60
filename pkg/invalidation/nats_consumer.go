package invalidation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// The server's own acknowledgement floor jumps over what was purged or has
// expired, so it cannot tell what was missed. The subscriber's floor is kept
// beside it, in the consumer's metadata, together with the stream's birth.
const (
	metaFloor = "tandem-floor"
	metaBorn  = "tandem-stream-created"
)

var (
	errChanged = errors.New("the stream has changed")
	errShared  = errors.New("somebody else asks for events under the same name")
)

// attach finds or makes the consumer, compares where it stands with what the
// stream has, has the caller flush if that leaves a gap, and puts everything
// that was delivered and not acknowledged back in order.
func (f *follower) attach(wait, work context.Context) error {
	ctx, cancel := context.WithTimeout(wait, askFor)
	defer cancel()
	stream, err := f.js.Stream(ctx, Stream)
	if err != nil {
		return fmt.Errorf("find stream: %w", err)
	}
	info := stream.CachedInfo()
	consumer, err := f.find(ctx)
	if err != nil {
		return err
	}
	floor, gap := f.compare(info, consumer.CachedInfo())
	if gap.Reason == Recreated && info.State.LastSeq < floor {
		// The consumer would wait for sequences that are given out a second time.
		if err := f.js.DeleteConsumer(ctx, Stream, f.options.Durable); err != nil {
			return fmt.Errorf("drop consumer: %w", err)
		}
		return errChanged
	}
	if gap.Reason != "" {
		if !f.flush(wait, work, gap) {
			return wait.Err()
		}
		floor = max(consumer.CachedInfo().AckFloor.Stream, max(gap.First, 1)-1)
	}
	f.startOver(floor, gap)
	f.consumer, f.born, f.tail, f.checked = consumer, info.Created, info.State.LastSeq, time.Now()
	f.made = consumer.CachedInfo().Created
	f.reach(&place{f.born, f.made, floor})
	ctx, cancel = context.WithTimeout(wait, askFor)
	defer cancel()
	if err := f.store(ctx, floor); err != nil {
		return err
	}
	if err := f.outwait(wait); err != nil {
		return err
	}
	ctx, cancel = context.WithTimeout(wait, askFor)
	defer cancel()
	// A server that does not know the request delivers them again after AckWait;
	// then the version filter drops what was overtaken.
	if _, err := f.js.ResetConsumer(ctx, Stream, f.options.Durable); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		f.options.Report(fmt.Errorf("reset consumer: %w", err))
	}
	return nil
}

// outwait returns when the consumer has no request left by whoever followed before.
// A server with leaf nodes or gateways cannot see at once that its sender is gone,
// and for two seconds hands it what comes in. The reset after this puts that back.
func (f *follower) outwait(wait context.Context) error {
	ctx, cancel := context.WithTimeout(wait, askFor)
	defer cancel()
	for {
		info, err := f.consumer.Info(ctx)
		if err != nil {
			return fmt.Errorf("look at consumer: %w", err)
		}
		if info.NumWaiting == 0 {
			return nil
		}
		pause(ctx, firstPause)
		switch {
		case wait.Err() != nil:
			return wait.Err()
		case ctx.Err() != nil:
			f.options.Report(errShared)
			return nil
		}
	}
}

// startOver begins after floor. Versions stay known, so what is delivered a
// second time is dropped, unless the stream is another: then the resources may
// be others too.
func (f *follower) startOver(floor uint64, gap Gap) {
	seen := f.seen
	f.forget(floor)
	if gap.Reason == "" || gap.Reason == Lost {
		f.seen = seen
	}
}

func (f *follower) find(ctx context.Context) (jetstream.Consumer, error) { //nolint:ireturn // nats.go hands out interfaces only
	consumer, err := f.js.Consumer(ctx, Stream, f.options.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		config := f.config()
		config.DeliverPolicy = jetstream.DeliverNewPolicy
		if f.options.From == FromOldest {
			config.DeliverPolicy = jetstream.DeliverAllPolicy
		}
		consumer, err = f.js.CreateConsumer(ctx, Stream, config)
	}
	if err != nil {
		return nil, fmt.Errorf("find consumer: %w", err)
	}
	return consumer, nil
}

func (f *follower) config() jetstream.ConsumerConfig {
	config := jetstream.ConsumerConfig{
		Durable: f.options.Durable, AckPolicy: jetstream.AckExplicitPolicy, AckWait: f.options.AckWait,
		MaxDeliver: -1, MaxAckPending: f.options.InFlight, InactiveThreshold: f.options.Expire,
	}
	for _, t := range f.options.Types {
		config.FilterSubjects = append(config.FilterSubjects, Address(t+".*"))
	}
	if len(f.options.Types) == 0 {
		config.FilterSubjects = []string{Address(">")}
	}
	return config
}

// compare tells up to where everything was handled, and whether the stream goes
// on from there.
func (f *follower) compare(stream *jetstream.StreamInfo, consumer *jetstream.ConsumerInfo) (floor uint64, gap Gap) {
	floor, err := strconv.ParseUint(consumer.Config.Metadata[metaFloor], 10, 64)
	known := err == nil && slices.Equal(consumer.Config.FilterSubjects, f.config().FilterSubjects)
	same := consumer.Config.Metadata[metaBorn] == birth(stream)
	if known && same && f.born.Equal(stream.Created) {
		floor = max(floor, f.ledger.floor()) // what was saved is a little behind
	}
	gap = Gap{Last: floor, First: stream.State.FirstSeq}
	switch {
	case known && same && stream.State.LastSeq >= floor && stream.State.FirstSeq <= floor+1:
	case known && same && stream.State.LastSeq >= floor:
		gap.Reason = Lost
	case known, !f.born.IsZero():
		gap.Reason = Recreated
	default:
		gap.Reason = Began
	}
	return floor, gap
}

func birth(stream *jetstream.StreamInfo) string { return stream.Created.UTC().Format(time.RFC3339Nano) }

// check finds out, while messages flow or do not, whether the stream still is
// what it was and has what comes next.
func (f *follower) check(wait context.Context) error {
	ctx, cancel := context.WithTimeout(wait, askFor)
	defer cancel()
	// The consumer first: if it had delivered all when nothing after the floor
	// was gone yet, then it had delivered all up to the tail seen before.
	consumer, err := f.consumer.Info(ctx)
	if err != nil {
		return fmt.Errorf("check consumer: %w", err)
	}
	stream, err := f.js.Stream(ctx, Stream)
	if err != nil {
		return fmt.Errorf("check stream: %w", err)
	}
	info := stream.CachedInfo()
	if _, gap := f.compare(info, consumer); gap.Reason != "" {
		return fmt.Errorf("%w: %s", errChanged, gap.Reason)
	}
	if consumer.NumPending == 0 && consumer.NumAckPending == 0 {
		f.ledger.advance(f.tail)
	}
	f.tail, f.checked = info.State.LastSeq, time.Now()
	f.reach(&place{f.born, f.made, f.ledger.floor()})
	return f.save(ctx)
}

// save leaves the floor with the consumer for the next process.
func (f *follower) save(ctx context.Context) error {
	if floor := f.ledger.floor(); floor != f.saved {
		return f.store(ctx, floor)
	}
	return nil
}

// store also brings an older consumer's settings up to date; where it began
// cannot be changed.
func (f *follower) store(ctx context.Context, floor uint64) error {
	was, config := f.consumer.CachedInfo().Config, f.config()
	config.DeliverPolicy, config.OptStartSeq, config.OptStartTime = was.DeliverPolicy, was.OptStartSeq, was.OptStartTime
	config.Metadata = map[string]string{
		metaFloor: strconv.FormatUint(floor, 10),
		metaBorn:  f.born.UTC().Format(time.RFC3339Nano),
	}
	consumer, err := f.js.UpdateConsumer(ctx, Stream, config)
	if err != nil {
		return fmt.Errorf("save position: %w", err)
	}
	f.consumer, f.saved = consumer, floor
	return nil
}
