package audit

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
)

// connected also holds back after the streams did not answer.
func (p *Publisher) connected() bool {
	return p.streams.connected() && time.Now().After(p.pauseUntil)
}

// found makes the streams be there before the first event is, for those who want
// to subscribe. It tells whether they are.
func (p *Publisher) found(ctx context.Context) bool {
	if !p.connected() {
		return false
	}
	err := p.streams.ensure(ctx)
	if err != nil {
		p.lost(err)
	}
	return err == nil
}

// announceNudged announces what this process wrote last. What is put off or
// forgotten here is met by the sweep.
func (p *Publisher) announceNudged(ctx context.Context) {
	ids := p.takeNudged()
	for len(ids) > 0 && p.found(ctx) {
		page := ids[:min(len(ids), pageSize)]
		ids = ids[len(page):]
		events, err := p.outbox.named(ctx, page)
		if err != nil {
			p.say("outbox not read", err)
			return
		}
		p.announce(ctx, events)
	}
}

// sweep announces what waits, if this is the one to do so, until nothing that
// can be announced is left.
func (p *Publisher) sweep(wait, work context.Context) {
	if !p.found(work) {
		return
	}
	for wait.Err() == nil && p.held() && p.connected() {
		p.lease(work)
		blocked := p.blockedNow()
		if len(blocked) >= pageSize {
			return // all of them are refused; that does not pass by trying more
		}
		events, err := p.outbox.oldest(work, blocked, pageSize)
		if err != nil {
			p.say("outbox not read", err)
			return
		}
		if !p.announce(work, events) {
			return
		}
		p.announceNudged(work) // a long backlog does not delay what is new
	}
}

// announce publishes events and marks those that are in their streams. It tells
// whether there was any progress.
func (p *Publisher) announce(ctx context.Context, events []Event) bool {
	if len(events) == 0 {
		return false
	}
	p.at("read")
	announced, err := p.offer(ctx, events)
	if err != nil {
		p.lost(err)
	}
	p.at("published")
	if len(announced) == 0 {
		return false
	}
	lags, err := p.outbox.mark(ctx, announced)
	if err != nil {
		p.say("announced events not marked", err) // they are met again
		return false
	}
	p.at("marked")
	p.metrics.published.Add(float64(len(lags)))
	for _, lag := range lags {
		p.metrics.lag.Observe(lag.Seconds())
	}
	if p.trouble = ""; p.pauseUntil.Before(time.Now()) {
		p.pause = 0
	}
	return true
}

// offer publishes events and returns those that are in their streams. Its error
// says that the way there is broken; what is wrong with one event is that one's
// own matter.
func (p *Publisher) offer(ctx context.Context, events []Event) (announced []uuid.UUID, lost error) {
	for i, err := range p.streams.publish(ctx, events, p.settings.Source) {
		id := events[i].ID
		switch {
		case err == nil:
			delete(p.blocked, id)
			announced = append(announced, id)
		case errors.Is(err, errUnreachable):
			lost = err
		default:
			p.metrics.failed("refused")
			p.blocked[id] = time.Now().Add(blockFor)
			p.log.Error("an event cannot be announced", zap.Stringer("event", id), zap.Error(err))
		}
	}
	return announced, lost
}

// blockedNow lists the events to leave out, never as nil.
func (p *Publisher) blockedNow() []uuid.UUID {
	ids := []uuid.UUID{}
	for id, until := range p.blocked {
		if time.Now().Before(until) {
			ids = append(ids, id)
		} else {
			delete(p.blocked, id) // it is tried again, unless somebody else has dealt with it
		}
	}
	return ids
}

func (p *Publisher) lost(err error) {
	p.metrics.failed("unreachable")
	p.pause = min(max(2*p.pause, 50*time.Millisecond), maxPause)
	p.pauseUntil = time.Now().Add(p.pause)
	p.streams.forget()
	p.say("events wait for NATS", err)
}
