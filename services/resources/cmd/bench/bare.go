package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/env"
	"tandem.example/pkg/redisfx"
)

// bareConfig is the whole environment of the bare handler.
type bareConfig struct {
	Addr   string `env:"HTTP_ADDR"`
	Cell   string `env:"BENCH_CELL"` // the key to read
	Tokens bearer.Config
	Redis  redisfx.Config
}

const roleVariable = "BENCH_ROLE"

// child is one of the handlers that the service is compared with, if this process
// is it.
func child() bool {
	role := os.Getenv(roleVariable) //nolint:forbidigo // how a process learns what it is
	serve := map[string]func() error{"bare": serveBare, "aside": serveAside}[role]
	if serve == nil {
		return false
	}
	if err := serve(); err != nil {
		fmt.Fprintf(os.Stderr, "%s handler: %v\n", role, err)
		os.Exit(1)
	}
	return true
}

var errNotLive = errors.New("not live")

// serveBare checks the token as the service does, asks Redis the same two
// questions in one round trip, and writes the bytes. Nothing else.
func serveBare() error {
	cfg, err := env.Load[bareConfig](os.LookupEnv) //nolint:forbidigo // it has no app package
	if err != nil {
		return err
	}
	keys, err := cfg.Tokens.Keyring(zap.NewNop())
	if err != nil {
		return err
	}
	options, err := cfg.Redis.Options()
	if err != nil {
		return err
	}
	client := redis.NewClient(options)
	verifier := &bearer.Verifier{Keys: keys, Issuer: cfg.Tokens.Issuer, Audience: cfg.Tokens.Audience}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/v1/resources/:id", func(c *fiber.Ctx) error {
		claims, err := verifier.Verify(c.UserContext(), strings.TrimPrefix(c.Get(fiber.HeaderAuthorization), "Bearer "))
		if err != nil {
			return err
		}
		body, err := read(context.Background(), client, &claims, cfg.Cell)
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		c.Set("Cache-Status", "bare; hit")
		return c.Send(body)
	})
	return app.Listen(cfg.Addr)
}

func read(ctx context.Context, client *redis.Client, claims *bearer.Claims, cell string) ([]byte, error) {
	pipe := client.Pipeline()
	live := pipe.Exists(ctx, bearer.TokenKey(claims.Subject, claims.ID), bearer.SessionKey(claims.Subject, claims.SessionID))
	value := pipe.Get(ctx, cell)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	if live.Val() != 2 {
		return nil, errNotLive
	}
	stored, err := value.Bytes()
	return stored[18:], err
}
