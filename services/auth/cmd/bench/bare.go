package main

import (
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

// bareConfig is the whole environment of the bare handlers.
type bareConfig struct {
	Addr   string `env:"HTTP_ADDR"`
	Tokens bearer.Config
	Redis  redisfx.Config
}

const roleVariable = "BENCH_ROLE"

// child is the bare handlers, if this process is them.
func child() bool {
	if os.Getenv(roleVariable) != "bare" { //nolint:forbidigo // how a process learns what it is
		return false
	}
	if err := serveBare(); err != nil {
		fmt.Fprintln(os.Stderr, "bare handlers:", err)
		os.Exit(1)
	}
	return true
}

var errNotLive = errors.New("not live")

// serveBare checks the token as the service does, asks Redis the same question,
// and answers. Nothing else.
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
	live := func(c *fiber.Ctx, raw string) (bearer.Claims, error) {
		claims, err := verifier.Verify(c.UserContext(), raw)
		if err != nil {
			return claims, err
		}
		n, err := client.Exists(c.UserContext(), bearer.TokenKey(claims.Subject, claims.ID), bearer.SessionKey(claims.Subject, claims.SessionID)).Result()
		if err == nil && n != 2 {
			err = errNotLive
		}
		return claims, err
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/verify", func(c *fiber.Ctx) error {
		claims, err := live(c, strings.TrimPrefix(c.Get(fiber.HeaderAuthorization), "Bearer "))
		c.Set("X-Auth-Subject", claims.Subject)
		c.Set("X-Auth-Scopes", string(claims.Scopes))
		c.Set("X-Auth-Tenant", claims.Tenant)
		return err
	})
	app.Post("/introspect", func(c *fiber.Ctx) error {
		claims, err := live(c, c.FormValue("token"))
		if err != nil {
			return err
		}
		return c.JSON(claims)
	})
	return app.Listen(cfg.Addr)
}
