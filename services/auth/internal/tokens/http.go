package tokens

import (
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/httpserver"
	"tandem.example/services/auth/internal/audit"
	"tandem.example/services/auth/internal/clients"
)

type handlers struct {
	issuer *Issuer
	desk   *Desk
	gate   *Gate
	count  *prometheus.CounterVec
}

// Routes are the capability's HTTP face.
func Routes(
	cfg bearer.Config, issuer *Issuer, desk *Desk, gate *Gate, journal Journal, reg prometheus.Registerer,
) ([]httpserver.Route, error) {
	document, err := describe(cfg, clients.Vocabulary(issuer.roles), issuer.visitors != nil)
	if err != nil {
		return nil, err
	}
	h := handlers{issuer, desk, gate, newCounter(reg)}
	post := func(path string, kind audit.Type, serve fiber.Handler) httpserver.Route {
		handlers := append([]fiber.Handler{watch(journal, kind)}, gate.serve(path == "/token", serve)...)
		return httpserver.Route{Method: fiber.MethodPost, Path: path, Handlers: handlers, Errors: encodeError}
	}
	return []httpserver.Route{
		post("/token", audit.TokenIssue, h.token),
		post("/revoke", audit.TokenRevoke, h.revoke),
		post("/introspect", "", h.introspect),
		httpserver.Document("/.well-known/oauth-authorization-server", httpserver.JSON, document),
	}, nil
}

// begin reads the form and authenticates the client.
func (h handlers) begin(c *fiber.Ctx) (clients.Client, Form, error) {
	said, f, err := read(c)
	if err != nil {
		return clients.Client{}, nil, err
	}
	client, err := h.authenticate(c, said)
	return client, f, err
}

func (h handlers) authenticate(c *fiber.Ctx, said credentials) (clients.Client, error) {
	client, err := h.gate.Authenticate(c.UserContext(), said.id, said.secret)
	attemptOf(c).client = client.ID
	return client, challenge(c, err)
}

func read(c *fiber.Ctx) (credentials, Form, error) {
	c.Set(fiber.HeaderCacheControl, "no-store") // RFC 6749 §5.1
	c.Set(fiber.HeaderPragma, "no-cache")
	header := &c.Request().Header
	if len(c.Request().URI().QueryString()) > 0 || len(header.Peek(fiber.HeaderContentEncoding)) > 0 {
		return credentials{}, nil, ErrRequest.Detailf("parameters belong into an unencoded body")
	}
	f, err := parseForm(string(header.ContentType()), string(c.Request().Body()))
	if err != nil {
		return credentials{}, nil, err
	}
	var authorization []string
	for _, value := range header.PeekAll(fiber.HeaderAuthorization) {
		authorization = append(authorization, string(value))
	}
	said, err := readCredentials(authorization, f)
	attemptOf(c).said = said.id
	return said, f, challenge(c, err)
}

func (h handlers) token(c *fiber.Ctx) error {
	said, f, err := read(c)
	attemptOf(c).asks(f)
	var a Response
	if err == nil {
		a, err = h.grant(c, said, f)
	}
	h.count.WithLabelValues(grantLabel(f["grant_type"]), outcome(err)).Inc()
	if err != nil {
		return err
	}
	return httpserver.Send(c, fiber.StatusOK, a)
}

func (h handlers) grant(c *fiber.Ctx, said credentials, f Form) (Response, error) {
	begun, err := h.issuer.Begin(c.UserContext(), said.id, f["grant_type"])
	if err != nil {
		return Response{}, err
	}
	client, err := h.authenticate(c, said)
	if err != nil {
		return Response{}, err
	}
	a, err := h.issuer.Grant(c.UserContext(), begun, client, f)
	attemptOf(c).whose = a.whose
	return a, err
}

type revoked struct {
	Count int64 `json:"revoked"`
}

func (h handlers) revoke(c *fiber.Ctx) error {
	client, f, err := h.begin(c)
	if err != nil {
		return err
	}
	if f["token"] == "" {
		return ErrRequest.Detailf("token is missing")
	}
	n, err := h.desk.Revoke(c.UserContext(), client, f["token"])
	if err != nil {
		return err
	}
	attemptOf(c).nothing = n == 0
	return httpserver.Send(c, fiber.StatusOK, revoked{n})
}

func (h handlers) introspect(c *fiber.Ctx) error {
	client, f, err := h.begin(c)
	if err != nil {
		return err
	}
	if f["token"] == "" {
		return ErrRequest.Detailf("token is missing")
	}
	d, err := h.desk.Introspect(c.UserContext(), client, f["token"])
	if err != nil {
		return challenge(c, err)
	}
	return httpserver.Send(c, fiber.StatusOK, d)
}
