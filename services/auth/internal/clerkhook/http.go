package clerkhook

import (
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"tandem.example/pkg/fault"
	"tandem.example/pkg/httpserver"
	"tandem.example/services/auth/internal/audit"
)

type handlers struct {
	signatures Signatures
	hook       *Hook
	journal    Journal
	count      *prometheus.CounterVec
}

// Routes are the capability's HTTP face; none without a secret.
func Routes(cfg Config, hook *Hook, journal Journal, reg prometheus.Registerer) ([]httpserver.Route, error) {
	if !cfg.Enabled() {
		return nil, nil
	}
	signatures, err := NewSignatures(cfg)
	if err != nil {
		return nil, err
	}
	h := handlers{signatures, hook, journal, newCounter(reg)}
	return []httpserver.Route{{Method: fiber.MethodPost, Path: "/webhooks/clerk", Handlers: []fiber.Handler{h.take}}}, nil
}

type revoked struct {
	Count int64 `json:"revoked"`
}

func (h handlers) take(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	header := func(name string) string { return c.Get(name) }
	delivery, err := h.signatures.Open(header, c.Request().Body())
	if err != nil {
		h.journal.Add(audit.New(c.UserContext(), audit.Event{Type: audit.ClerkNotice, Reason: audit.ReasonOf(err)}))
	}
	if err == nil && !delivery.Event.Ends() {
		h.count.WithLabelValues("other", "ignored").Inc()
		return c.SendStatus(fiber.StatusNoContent)
	}
	var ended int64
	if err == nil {
		ended, err = h.hook.Take(c.UserContext(), delivery)
	}
	if err != nil {
		h.count.WithLabelValues(delivery.Event.label(), fault.From(err).Code).Inc()
		return err
	}
	h.count.WithLabelValues(delivery.Event.label(), "done").Inc()
	return httpserver.Send(c, fiber.StatusOK, revoked{ended})
}

// label keeps what a sender writes out of the metrics.
func (e Event) label() string {
	if e.Ends() {
		return e.Type
	}
	return "other"
}

func newCounter(reg prometheus.Registerer) *prometheus.CounterVec {
	count := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "auth_clerk_events_total", Help: "Webhook requests, by event and outcome.",
	}, []string{"event", "outcome"})
	reg.MustRegister(count)
	return count
}
