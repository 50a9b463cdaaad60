package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tandem.example/pkg/revocation"
)

const (
	keepFor    = 72 * time.Hour // as the stream of invalidations
	dedupeFor  = 2 * time.Minute
	maxMessage = 64 << 10
	publishFor = 5 * time.Second
)

// A message's failure is its own, or the way to NATS is broken for all.
var errUnreachable = errors.New("the streams cannot be reached")

// streams is the publisher's side of JetStream. It belongs to one goroutine.
type streams struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	replicas int
	sure     bool // they are there
	at       func(point string)
}

func newStreams(nc *nats.Conn, replicas int, at func(string)) (*streams, error) {
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncTimeout(publishFor))
	if err != nil {
		return nil, fmt.Errorf("announce audit: %w", err)
	}
	return &streams{nc: nc, js: js, replicas: replicas, at: at}, nil
}

func (s *streams) connected() bool { return s.nc.IsConnected() }

// ensure creates the streams that are missing. One that exists is used as it is: to
// bring it up to date could shorten what an operator wants to keep.
func (s *streams) ensure(ctx context.Context) error {
	if s.sure {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, publishFor)
	defer cancel()
	for name, of := range map[string][2]string{
		Stream:            {StreamPattern, "What was tried and done at auth, one message each"},
		revocation.Stream: {revocation.StreamPattern, "Ends of sessions and tokens"},
	} {
		_, err := s.js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			_, err = s.js.CreateStream(ctx, jetstream.StreamConfig{
				Name: name, Description: of[1], Subjects: of[:1], Storage: jetstream.FileStorage, Replicas: s.replicas,
				Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, MaxAge: keepFor, Duplicates: dedupeFor,
				MaxMsgSize: maxMessage, AllowDirect: true,
			})
		}
		if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // somebody was faster
			return fmt.Errorf("%w: %w", errUnreachable, err)
		}
	}
	s.sure = true
	return nil
}

// forget makes the next ensure look again.
func (s *streams) forget() { s.sure = false }

// send is the way of one event's messages into their streams.
type send struct {
	event   *Event
	pending []jetstream.PubAckFuture
	err     error
}

// publish hands over the messages of all events at once and returns for each
// whether they are stored: nil, [errUnreachable], or why that event was refused.
func (s *streams) publish(ctx context.Context, events []Event, source string) []error {
	ctx, cancel := context.WithTimeout(ctx, publishFor)
	defer cancel()
	sends := make([]send, len(events))
	for i := range events {
		sends[i].event = &events[i]
		s.begin(&sends[i], source)
	}
	outcomes := make([]error, len(events))
	for i := range sends {
		outcomes[i] = sends[i].await(ctx, s.at)
	}
	return outcomes
}

func (s *streams) begin(to *send, source string) {
	list, err := announcements(to.event, source)
	if err != nil {
		to.err = err
		return
	}
	for _, a := range list {
		msg := nats.NewMsg(a.subject)
		msg.Data = a.body
		msg.Header.Set("Content-Type", revocation.ContentType)
		future, err := s.js.PublishMsgAsync(msg, jetstream.WithMsgID(to.event.ID.String()), jetstream.WithExpectStream(a.stream))
		if err != nil {
			to.err = classify(err)
			return
		}
		to.pending = append(to.pending, future)
	}
}

func (s *send) await(ctx context.Context, at func(string)) error {
	for _, future := range s.pending {
		select {
		case <-future.Ok():
			at("half")
		case err := <-future.Err():
			s.err = errors.Join(s.err, classify(err))
		case <-ctx.Done():
			s.err = errors.Join(s.err, errUnreachable)
		}
	}
	return s.err
}

// classify tells the broken way from a refusal of this message.
func classify(err error) error {
	var refusal *jetstream.APIError
	if errors.As(err, &refusal) && refusal.Code < 500 || errors.Is(err, nats.ErrMaxPayload) {
		return err
	}
	return fmt.Errorf("%w: %w", errUnreachable, err) // no answer, or the server's own trouble
}

// Start begins to announce over a connection that may be away for now.
func (p *Publisher) Start(nc *nats.Conn) error {
	s, err := newStreams(nc, p.settings.Replicas, p.at)
	if err == nil {
		p.begin(s)
	}
	return err
}
