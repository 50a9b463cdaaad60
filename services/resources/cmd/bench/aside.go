package main

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/crdb"
	"tandem.example/pkg/env"
	"tandem.example/pkg/httpserver"
	"tandem.example/pkg/redisfx"
	"tandem.example/services/resources/internal/resources"
)

// asideConfig is the whole environment of the cache-aside handler.
type asideConfig struct {
	Addr     string `env:"HTTP_ADDR"`
	Tenant   string `env:"BENCH_TENANT"` // whose resources it serves
	Tokens   bearer.Config
	Redis    redisfx.Config
	Database crdb.Config
}

// aside is what most services do: GET, and on a miss SELECT and SET; UPDATE, then
// DEL. It serves stale values, which is not measured here. The token is checked as
// the service does, in the same round trip as the GET.
type aside struct {
	tenant   string
	verifier *bearer.Verifier
	redis    *redis.Client
	store    *resources.Postgres
	db       *crdb.DB
}

const asideLife = 10 * time.Minute

func serveAside() error {
	cfg, err := env.Load[asideConfig](os.LookupEnv) //nolint:forbidigo // it has no app package
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
	db, err := crdb.Open(cfg.Database, nil, nil)
	if err != nil {
		return err
	}
	a := aside{
		tenant: cfg.Tenant, redis: redis.NewClient(options), store: resources.NewPostgres(db), db: db,
		verifier: &bearer.Verifier{Keys: keys, Issuer: cfg.Tokens.Issuer, Audience: cfg.Tokens.Audience},
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/v1/resources/:id", a.get)
	app.Put("/v1/resources/:id", a.put)
	return app.Listen(cfg.Addr)
}

func asideKey(id resources.ID) string { return "cache:aside:{" + id.String() + "}" }

func (a aside) get(c *fiber.Ctx) error {
	id, err := resources.ParseID(c.Params("id"))
	if err != nil {
		return err
	}
	body, err := a.live(c, func(ctx context.Context, pipe redis.Pipeliner) *redis.StringCmd { return pipe.Get(ctx, asideKey(id)) })
	if err != nil {
		return err
	}
	status := "aside; hit"
	if body == nil {
		status = "aside; fwd=miss"
		r, err := a.store.Get(c.UserContext(), a.tenant, id)
		if err != nil {
			return err
		}
		entry, err := r.Entry()
		if err != nil {
			return err
		}
		if err := a.redis.Set(c.UserContext(), asideKey(id), entry.Body, asideLife).Err(); err != nil {
			return err
		}
		body = entry.Body
	}
	c.Set("Cache-Status", status)
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(body)
}

func (a aside) put(c *fiber.Ctx) error {
	id, err := resources.ParseID(c.Params("id"))
	if err != nil {
		return err
	}
	if _, err := a.live(c, nil); err != nil {
		return err
	}
	draft, err := httpserver.Decode[resources.Draft](c)
	if err != nil {
		return err
	}
	const update = `UPDATE resources SET name = $3, version = version + 1, updated_at = now() WHERE tenant = $1 AND id = $2::UUID`
	err = crdb.Idempotent(c.UserContext(), func(ctx context.Context) error {
		_, err := a.db.Pool().Exec(ctx, update, a.tenant, id.String(), *draft.Name)
		return err
	})
	if err != nil {
		return err
	}
	return a.redis.Del(c.UserContext(), asideKey(id)).Err()
}

// live checks the token, in one round trip with a question of the caller's own.
func (a aside) live(c *fiber.Ctx, ask func(context.Context, redis.Pipeliner) *redis.StringCmd) ([]byte, error) {
	ctx := c.UserContext()
	claims, err := a.verifier.Verify(ctx, strings.TrimPrefix(c.Get(fiber.HeaderAuthorization), "Bearer "))
	if err != nil {
		return nil, err
	}
	pipe := a.redis.Pipeline()
	alive := pipe.Exists(ctx, bearer.TokenKey(claims.Subject, claims.ID), bearer.SessionKey(claims.Subject, claims.SessionID))
	var value *redis.StringCmd
	if ask != nil {
		value = ask(ctx, pipe)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	if err := alive.Err(); err != nil {
		return nil, err
	}
	if alive.Val() != 2 {
		return nil, errNotLive
	}
	if value == nil {
		return nil, nil
	}
	body, err := value.Bytes()
	if err == redis.Nil { //nolint:errorlint // it is never wrapped
		return nil, nil
	}
	return body, err
}
