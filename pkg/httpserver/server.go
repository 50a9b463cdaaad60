package httpserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"tandem.example/pkg/telemetry"
)

// Server serves the routes on one listener and the operators' paths on another.
// New, Start and Stop are called once each, in this order.
type Server struct {
	metrics

	cfg         Config
	log         *zap.Logger
	tracer      trace.Tracer // nil: no spans
	cors        *cors        // nil: no origin is allowed
	behindProxy bool         // plain HTTP, and only from trusted proxies
	failed      func(error)
	app         *fiber.App
	rest        *endpoint
	encoders    map[string]Encoder // by path, of routes that word their failures; never written after New
	fixed       []field
	idHeader    []byte
	admin       *http.Server
	certificate *certificate // nil: plain HTTP

	draining            atomic.Bool
	public, operators   net.Listener
	publicEnd, adminEnd chan struct{} // closed when the listener is served no more
}

// field is a header field in the form that needs no conversion.
type field struct{ name, value []byte }

// New wires a server. It does no I/O.
func New(o Options) (*Server, error) {
	s := &Server{
		cfg: o.Config, log: o.Log, failed: o.Failed,
		behindProxy: o.Config.CertFile == "" && len(o.Config.TrustedProxies) > 0,
		idHeader:    []byte(fiber.HeaderXRequestID), // Fiber's spelling is canonical
		fixed: []field{
			{[]byte(fiber.HeaderXContentTypeOptions), []byte("nosniff")},
			{[]byte(fiber.HeaderContentSecurityPolicy), []byte("default-src 'none'; frame-ancestors 'none'")},
			{[]byte(fiber.HeaderReferrerPolicy), []byte("no-referrer")},
			{[]byte(fiber.HeaderStrictTransportSecurity), []byte("max-age=31536000")},
		},
		publicEnd: make(chan struct{}), adminEnd: make(chan struct{}),
	}
	if telemetry.Traced(o.Tracing) {
		s.tracer = o.Tracing.Tracer("tandem.example/pkg/httpserver")
	}
	if len(o.Config.CORSAllowOrigins) > 0 {
		s.cors = &cors{origins: o.Config.CORSAllowOrigins}
	}
	var err error
	if o.Config.CertFile != "" {
		s.certificate = newCertificate(o.Config.CertFile, o.Config.KeyFile, o.Log)
		if err = s.certificate.register(o.Metrics); err != nil {
			return nil, fmt.Errorf("register TLS metrics: %w", err)
		}
	}
	if s.metrics, err = newMetrics(o.Metrics); err != nil {
		return nil, err
	}
	s.app = s.fiber()
	if err := s.mount(o.Routes); err != nil {
		return nil, err
	}
	s.admin = s.newAdmin(o.Gatherer, newReadiness(o.Checks, &s.draining, o.Log))
	return s, nil
}

func (s *Server) fiber() *fiber.App {
	app := fiber.New(fiber.Config{
		StrictRouting: true, CaseSensitive: true, // one path, one resource
		ReadBufferSize: maxHeader, BodyLimit: s.cfg.BodyLimit, Concurrency: s.cfg.MaxConnections,
		ReadTimeout: s.cfg.ReadTimeout, WriteTimeout: s.cfg.WriteTimeout, IdleTimeout: s.cfg.IdleTimeout,
		DisableStartupMessage: true, DisablePreParseMultipartForm: true, DisableDefaultContentType: true,
		ErrorHandler: s.refuse,
	})
	app.Server().CloseOnShutdown = true
	routed := app.Server().Handler
	app.Server().Handler = func(ctx *fasthttp.RequestCtx) {
		if methodLabel(string(ctx.Method())) != "other" {
			routed(ctx)
			return
		}
		// Fiber would answer a method it does not know in plain text.
		c := app.AcquireCtx(ctx)
		defer app.ReleaseCtx(c)
		c.Set(fiber.HeaderAllow, corsMethods)
		_ = s.refuse(c, fiber.ErrMethodNotAllowed) // encoding a constant document does not fail
	}
	return app
}

// refuse answers a request that reached no chain: one that Fiber could not read
// or take.
func (s *Server) refuse(c *fiber.Ctx, err error) error {
	lingerOnClose(c)
	r := s.begin(c, s.rest)
	err = answer(c, r, s.encoders[c.Path()], err)
	s.finish(c, r)
	return err
}

// Start listens on both addresses and serves in the background.
func (s *Server) Start(ctx context.Context) error {
	if s.certificate != nil {
		if err := s.certificate.load(); err != nil {
			return err
		}
	}
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // nothing here is multi-homed, and it cannot stop accepting gently
	var err error
	if s.operators, err = lc.Listen(ctx, "tcp", s.cfg.AdminAddr); err != nil {
		return fmt.Errorf("listen for operators: %w", err)
	}
	ln, err := lc.Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return errors.Join(fmt.Errorf("listen: %w", err), s.operators.Close())
	}
	s.public = newDrainListener(ln)
	if s.certificate != nil {
		s.public, s.operators = securedListener{s.certificate.listener(s.public)}, s.certificate.listener(s.operators)
	}
	go s.serve(s.adminEnd, "operators", func() error { return s.admin.Serve(s.operators) })
	go s.serve(s.publicEnd, "clients", func() error { return s.app.Listener(s.public) })
	s.log.Info("listening", zap.String("addr", s.Addr()), zap.String("admin_addr", s.AdminAddr()),
		zap.Bool("tls", s.certificate != nil), zap.Bool("behind_proxy", s.behindProxy))
	return nil
}

func (s *Server) serve(end chan<- struct{}, whom string, run func() error) {
	defer close(end)
	err := run()
	if s.draining.Load() || s.failed == nil {
		return
	}
	if err == nil {
		err = net.ErrClosed
	}
	s.failed(fmt.Errorf("serve %s: %w", whom, err))
}

// Stop turns readiness off, goes on serving for the drain delay, answers what
// was accepted and closes. The operators' listener closes last. Ctx bounds it
// all.
func (s *Server) Stop(ctx context.Context) error {
	s.draining.Store(true)
	delay := time.NewTimer(s.cfg.DrainDelay)
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-ctx.Done():
	}
	// Kept connections are served while the listener closes, and told to close:
	// Shutdown then finds few that are idle only for this moment.
	_ = s.public.Close()
	err := s.app.ShutdownWithContext(ctx)
	err = errors.Join(err, s.admin.Shutdown(ctx))
	for _, end := range []chan struct{}{s.publicEnd, s.adminEnd} {
		select {
		case <-end:
		case <-ctx.Done():
			err = errors.Join(err, ctx.Err())
		}
	}
	if err != nil {
		return fmt.Errorf("stop HTTP server: %w", err)
	}
	return nil
}

// Addr is the address that clients reach, with the port that was given.
func (s *Server) Addr() string { return s.public.Addr().String() }

// AdminAddr is the address of the operators' listener.
func (s *Server) AdminAddr() string { return s.operators.Addr().String() }
