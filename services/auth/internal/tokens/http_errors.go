package tokens

import (
	"errors"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"tandem.example/pkg/fault"
	"tandem.example/pkg/httpserver"
	"tandem.example/services/auth/internal/clients"
)

// failure is the error response of RFC 6749 §5.2.
type failure struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// encodeError writes a failure in the OAuth form.
func encodeError(c *fiber.Ctx, status int, f *fault.Error) error {
	c.Set(fiber.HeaderPragma, "no-cache")
	return httpserver.Send(c, status, failure{codeOf(f), f.Detail})
}

// codeOf is the error code of a fault. Those that the RFC names are called by
// its names; the rest says whether another try can help.
func codeOf(f *fault.Error) string {
	for _, known := range [...]*fault.Error{
		ErrRequest, ErrGrant, ErrUnauthorized, ErrUnsupported, ErrScope, ErrTarget, clients.ErrClient,
	} {
		if errors.Is(f, known) {
			return known.Code
		}
	}
	if f.Kind == fault.Unavailable || f.Kind == fault.Timeout || f.Kind == fault.TooManyRequests {
		return "temporarily_unavailable"
	}
	if f.Kind == fault.Internal {
		return "server_error"
	}
	return ErrRequest.Code
}

// challenge tells a client that failed to authenticate how to (RFC 6749 §5.2).
func challenge(c *fiber.Ctx, err error) error {
	if errors.Is(err, clients.ErrClient) {
		c.Set(fiber.HeaderWWWAuthenticate, `Basic realm="tandem", charset="UTF-8"`)
	}
	return err
}

func newCounter(reg prometheus.Registerer) *prometheus.CounterVec {
	count := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "auth_token_requests_total", Help: "Requests for tokens, by grant and outcome.",
	}, []string{"grant", "outcome"})
	reg.MustRegister(count)
	return count
}

func outcome(err error) string {
	if err == nil {
		return "issued"
	}
	return codeOf(fault.From(err))
}

// grantLabel keeps what clients write out of the metrics.
func grantLabel(name string) string {
	switch name {
	case GrantPassword, GrantRefresh, GrantClient:
		return name
	case GrantExchange:
		return "token_exchange"
	default:
		return "other"
	}
}
