package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"tandem.example/pkg/internal/sabotage"
	"tandem.example/pkg/invalidation"
	"tandem.example/pkg/natsfx"
)

const (
	keepFor    = 72 * time.Hour
	dedupeFor  = 2 * time.Minute
	maxMessage = 256 << 10
)

// position is the last message on a subject; zero if there is none.
type position struct {
	seq     uint64
	version int64
}

// tuning is what tests change.
type tuning struct{ dedupe, tidyEvery time.Duration }

// stream is the relay's side of JetStream. Publish and last may be called
// concurrently, ensure and forget only by one at a time.
type stream struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	cfg    Config
	tracer trace.Tracer
	ready  jetstream.Stream // set by ensure, read while a round runs
	sure   bool             // ready need not be looked at again
	count  func()
	tuning tuning
}

func newStream(nc *nats.Conn, cfg Config, tuning tuning, count func()) (*stream, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("start relay: %w", err)
	}
	tracing := cfg.Tracing
	if tracing == nil {
		tracing = noop.NewTracerProvider()
	}
	return &stream{nc: nc, js: js, cfg: cfg, count: count, tuning: tuning, tracer: tracing.Tracer("tandem.example/pkg/invalidation/relay")}, nil
}

func (s *stream) connected() bool { return s.nc.IsConnected() }

// forget makes the next ensure look at the stream again. The rest of a running
// round goes on with what there is.
func (s *stream) forget() { s.sure = false }

// ensure creates the stream if it is missing. One that exists is used as it is: to
// bring it up to date could shorten what an operator wants to keep.
func (s *stream) ensure(ctx context.Context) error {
	if s.sure {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, publishFor)
	defer cancel()
	ready, err := s.js.Stream(ctx, invalidation.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		ready, err = s.js.CreateStream(ctx, s.config())
	}
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // somebody was faster
		ready, err = s.js.Stream(ctx, invalidation.Stream)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUnreachable, err)
	}
	s.ready, s.sure = ready, true
	return nil
}

func (s *stream) config() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        invalidation.Stream,
		Description: "Changes of resources, one message each",
		Subjects:    []string{invalidation.StreamPattern},
		Storage:     jetstream.FileStorage,
		Replicas:    s.cfg.Replicas,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		MaxAge:      keepFor,
		Duplicates:  s.tuning.dedupe,
		MaxMsgSize:  maxMessage,
		AllowDirect: true,
	}
}

// last asks for the position of a subject.
func (s *stream) last(ctx context.Context, subject string) (position, error) {
	msg, err := s.ready.GetLastMsgForSubject(ctx, invalidation.Address(subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return position{}, nil
	}
	if err != nil {
		return position{}, fmt.Errorf("last message: %w", classify(err))
	}
	version, err := strconv.ParseInt(msg.Header.Get(invalidation.VersionHeader), 10, 64)
	if err != nil {
		version = 0 // not a relay's
	}
	return position{msg.Sequence, version}, nil
}

// publish stores a row's event, if last still is the subject's position, and
// returns the new one. It returns [errFenced], [errUnreachable] or
// [invalidation.ErrInvalid], or why the server refused.
func (s *stream) publish(ctx context.Context, subject string, r row, last position) (position, error) {
	msg, record, err := s.message(subject, r)
	if err != nil {
		return position{}, err
	}
	if record.Trace != "" {
		var span trace.Span
		ctx, span = s.tracer.Start(natsfx.Extract(ctx, nats.Header{"traceparent": {record.Trace}}),
			"publish invalidation", trace.WithSpanKind(trace.SpanKindProducer))
		defer span.End()
		natsfx.Inject(ctx, msg)
	}
	sabotage.At("publishing", subject)
	ack, err := s.js.PublishMsg(ctx, msg, jetstream.WithMsgID(r.id.String()), jetstream.WithExpectStream(invalidation.Stream),
		jetstream.WithExpectLastSequencePerSubject(last.seq), jetstream.WithRetryAttempts(0))
	if err != nil {
		return position{}, fmt.Errorf("publish: %w", classify(err))
	}
	if ack.Duplicate { // it was there, and need not be the last
		now, err := s.last(ctx, subject)
		return position{now.seq, max(now.version, r.version)}, err
	}
	s.count()
	return position{ack.Sequence, r.version}, nil
}

func (s *stream) message(subject string, r row) (*nats.Msg, invalidation.Record, error) {
	var record invalidation.Record
	if err := json.Unmarshal(r.event, &record); err != nil {
		return nil, record, fmt.Errorf("%w: not the JSON of a record", invalidation.ErrInvalid)
	}
	if record.Source == "" {
		record.Source = s.cfg.Source
	}
	if record.Keys == nil {
		record.Keys = []string{}
	}
	if record.Version == 0 {
		record.Version = r.version
	}
	if record.Subject() != subject || record.Version != r.version {
		return nil, record, fmt.Errorf("%w: it is of another subject or version than its row", invalidation.ErrInvalid)
	}
	body, err := invalidation.Encode(invalidation.Event{
		ID: r.id.String(), Source: record.Source, Time: r.created, Change: record.Change,
	})
	if err != nil {
		return nil, record, err
	}
	msg := nats.NewMsg(invalidation.Address(subject))
	msg.Data = body
	msg.Header.Set("Content-Type", invalidation.ContentType)
	msg.Header.Set(invalidation.VersionHeader, strconv.FormatInt(r.version, 10))
	return msg, record, nil
}

// classify tells the fence and the broken way from a refusal of this message.
func classify(err error) error {
	var refusal *jetstream.APIError
	switch {
	case errors.As(err, &refusal) && (refusal.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		refusal.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant):
		return fmt.Errorf("%w: %w", errFenced, err)
	case errors.As(err, &refusal) && refusal.Code < 500, errors.Is(err, nats.ErrMaxPayload):
		return err
	default: // no answer, or the server's own trouble
		return fmt.Errorf("%w: %w", errUnreachable, err)
	}
}
