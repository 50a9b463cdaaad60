// Package demo makes the user and the clients that a development installation
// starts with.
//
// It promises to do so in development only: elsewhere its variables are a
// mistake in the configuration.
package demo

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"tandem.example/pkg/env"
	"tandem.example/pkg/fault"
	"tandem.example/services/auth/internal/clients"
)

// Config names what is to be made.
type Config struct {
	User              string     `env:"DEMO_USER"`
	Password          env.Secret `env:"DEMO_PASSWORD"`
	ClientID          string     `env:"DEMO_CLIENT_ID"`
	ClientSecret      env.Secret `env:"DEMO_CLIENT_SECRET"`
	AdminClientID     string     `env:"DEMO_ADMIN_CLIENT_ID"`
	AdminClientSecret env.Secret `env:"DEMO_ADMIN_CLIENT_SECRET"`
}

// Wanted tells whether there is anything to make.
func (c Config) Wanted() bool { return c != Config{} }

// Check refuses half a demo, and any outside of development.
func (c Config) Check(appEnv string, report func(variable, problem string)) {
	for _, v := range []struct{ variable, value string }{
		{"DEMO_USER", c.User},
		{"DEMO_PASSWORD", c.Password.Reveal()},
		{"DEMO_CLIENT_ID", c.ClientID},
		{"DEMO_CLIENT_SECRET", c.ClientSecret.Reveal()},
		{"DEMO_ADMIN_CLIENT_ID", c.AdminClientID},
		{"DEMO_ADMIN_CLIENT_SECRET", c.AdminClientSecret.Reveal()},
	} {
		switch {
		case appEnv != env.Development && v.value != "":
			report(v.variable, "is for APP_ENV=dev only")
		case appEnv == env.Development && c.Wanted() && v.value == "":
			report(v.variable, "must be set when another DEMO variable is")
		}
	}
}

// Users is where the demo's user is put.
type Users interface {
	Put(ctx context.Context, login, password string, roles []string) error
}

// Clients is where the demo's clients are put.
type Clients interface {
	Put(ctx context.Context, r clients.Record) error
}

// Seeder makes the demo as soon as the database lets it.
type Seeder struct {
	cfg     Config
	users   Users
	clients Clients
	log     *zap.Logger
	done    atomic.Bool
	cancel  context.CancelFunc
	ended   chan struct{}
}

// NewSeeder makes a seeder; Start makes it work.
func NewSeeder(cfg Config, users Users, clients Clients, log *zap.Logger) *Seeder {
	return &Seeder{cfg: cfg, users: users, clients: clients, log: log.Named("demo"), ended: make(chan struct{})}
}

var errNotYet = fault.New(fault.Unavailable, "demo_missing", "the demo user and clients are not there yet")

// Ready is nil once everything is there.
func (s *Seeder) Ready(context.Context) error {
	if !s.done.Load() {
		return errNotYet
	}
	return nil
}

// Start works in the background, since the database may not be there yet.
func (s *Seeder) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go s.run(ctx)
}

// Stop ends the work.
func (s *Seeder) Stop() {
	s.cancel()
	<-s.ended
}

func (s *Seeder) run(ctx context.Context) {
	defer close(s.ended)
	retry := time.NewTicker(250 * time.Millisecond)
	defer retry.Stop()
	told := false
	for {
		err := s.seed(ctx)
		if err == nil {
			s.done.Store(true)
			return
		}
		if !told && ctx.Err() == nil {
			told = true
			s.log.Warn("demo not made yet", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-retry.C:
		}
	}
}

func (s *Seeder) seed(ctx context.Context) error {
	if err := s.users.Put(ctx, s.cfg.User, s.cfg.Password.Reveal(), nil); err != nil {
		return fmt.Errorf("demo user: %w", err)
	}
	for _, r := range []clients.Record{{
		Client: clients.Client{
			ID: s.cfg.ClientID, Name: "Demo", FirstParty: true, Scopes: "resources:read resources:write",
			Grants: []string{
				"password", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange",
			},
		},
		Digest: clients.Digest(s.cfg.ClientSecret.Reveal()),
	}, {
		Client: clients.Client{
			ID: s.cfg.AdminClientID, Name: "Demo administration", Scopes: "admin", Grants: []string{"client_credentials"},
		},
		Digest: clients.Digest(s.cfg.AdminClientSecret.Reveal()),
	}} {
		if err := s.clients.Put(ctx, r); err != nil {
			return fmt.Errorf("demo client: %w", err)
		}
	}
	return nil
}
