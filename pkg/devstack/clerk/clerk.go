// Package clerk stands in for Clerk in tests and in development.
//
// It promises the parts that the services use as the real service shows them,
// over HTTPS: session tokens of version 2, the Backend API behind its key, and
// on demand the faults of a real upstream. It keeps everything in memory and
// lets anybody who reaches it make sessions, so it belongs to no production.
package clerk

import (
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options are what a Server is made of.
type Options struct {
	CertFile, KeyFile string
	SecretKey         string          // the Backend API's bearer token
	AuthorizedParty   string          // azp of the session tokens
	Key               *rsa.PrivateKey // signs at first; nil makes one
	Addr              string          // to listen on; empty for a free port of the loopback
	URL               string          // as others reach it, and the issuer; empty for the address
}

// Server is one stand-in. Its methods are safe for concurrent use.
type Server struct {
	opts Options
	url  string
	http *http.Server
	done chan struct{}

	mu       sync.Mutex // guards all below
	signing  key
	sessions map[string]*session
	banned   map[string]bool // by user
	calls    map[string]int  // by route
	fault    Fault
	mended   chan struct{} // closed when fault ends
	hook     *endpoint     // nil: nobody wants events

	ending     context.Context //nolint:containedctx // the server's life, for its deliveries
	end        context.CancelFunc
	deliveries sync.WaitGroup
}

// Start listens and serves until Close.
func Start(ctx context.Context, o Options) (*Server, error) {
	cert, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts: o, done: make(chan struct{}), mended: make(chan struct{}),
		sessions: map[string]*session{}, banned: map[string]bool{}, calls: map[string]int{},
	}
	if s.signing, err = newKey(o.Key); err != nil {
		return nil, err
	}
	s.ending, s.end = context.WithCancel(context.WithoutCancel(ctx))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cmp.Or(o.Addr, "127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	s.url = cmp.Or(o.URL, "https://"+listener.Addr().String())
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second}
	listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	go func() {
		defer close(s.done)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			panic(err) // a listener does not fail
		}
	}()
	return s, nil
}

// URL is where the stand-in answers; the Backend API lies under /v1.
func (s *Server) URL() string { return s.url }

// Issuer is the iss of the session tokens.
func (s *Server) Issuer() string { return s.url }

// SecretKey is what the Backend API wants as a bearer token.
func (s *Server) SecretKey() string { return s.opts.SecretKey }

// AuthorizedParty is the azp of the session tokens.
func (s *Server) AuthorizedParty() string { return s.opts.AuthorizedParty }

// Calls counts the requests to a route, such as "GET /v1/jwks" or
// "GET /v1/sessions/{id}", answered or not, and as "webhook" the tries to deliver
// an event.
func (s *Server) Calls(route string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[route]
}

// Close ends the stand-in, every connection and what is not delivered yet. It
// may be repeated.
func (s *Server) Close() {
	s.Mend()
	s.mu.Lock()
	s.end()
	hook := s.hook
	s.mu.Unlock()
	s.deliveries.Wait()
	if hook != nil {
		hook.client.CloseIdleConnections()
	}
	_ = s.http.Close() // connections that do not close are the peer's
	<-s.done
}
