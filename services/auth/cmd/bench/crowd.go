package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/env"
	"tandem.example/pkg/redisfx"
)

// crowd makes sessions in bulk: copies of one that a login has begun, each of a
// subject of its own.
type crowd struct {
	db    *pgx.Conn
	redis *redis.Client
	keys  bearer.KeySet
	model bearer.Claims
	dump  string // of the model in Redis
}

func newCrowd(ctx context.Context, w *world) (_ *crowd, err error) {
	c := new(crowd)
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close(ctx))
		}
	}()
	first, err := w.signIn(ctx)
	if err != nil {
		return nil, err
	}
	if c.keys, err = bearer.NewSecrets([]byte(w.secrets["JWT_SECRET"]), nil); err != nil {
		return nil, err
	}
	verifier := bearer.Verifier{Keys: c.keys, Issuer: issuer, Audience: audience}
	if c.model, err = verifier.Verify(ctx, first.Access); err != nil {
		return nil, err
	}
	if c.db, err = pgx.Connect(ctx, w.stack.DatabaseURL); err != nil {
		return nil, err
	}
	options, err := redisfx.Config{URL: env.Secret(w.stack.RedisURL), UseTLS: true, CAFile: w.stack.CAFile, PoolSize: 1}.Options()
	if err != nil {
		return nil, err
	}
	c.redis = redis.NewClient(options)
	c.dump, err = c.redis.Dump(ctx, bearer.SessionKey(c.model.Subject, c.model.SessionID)).Result()
	return c, err
}

func (c *crowd) close(ctx context.Context) (err error) {
	if c.db != nil {
		err = c.db.Close(context.WithoutCancel(ctx))
	}
	if c.redis != nil {
		err = errors.Join(err, c.redis.Close())
	}
	return err
}

// add begins so many sessions and gives what their access tokens say.
func (c *crowd) add(ctx context.Context, n int) (all []bearer.Claims, err error) {
	const (
		atOnce = 5000
		insert = `INSERT INTO sessions (id, subject, client_id, tenant, subject_generation, client_generation, all_generation, expires_at)
			SELECT id, id::TEXT, $2, id::TEXT, 0, 0, 0, now() + INTERVAL '1 day' FROM unnest($1::UUID[]) AS id`
	)
	for len(all) < n {
		var ids []uuid.UUID
		pipe := c.redis.Pipeline()
		for range min(atOnce, n-len(all)) {
			id := uuid.Must(uuid.NewV7())
			own := c.model
			own.Subject, own.Tenant, own.SessionID, own.ID = id.String(), id.String(), id.String(), uuid.Must(uuid.NewV7()).String()
			ids, all = append(ids, id), append(all, own)
			pipe.Restore(ctx, bearer.SessionKey(own.Subject, own.SessionID), 24*time.Hour, c.dump)
			pipe.Set(ctx, bearer.TokenKey(own.Subject, own.ID), "1", 10*time.Minute)
		}
		if _, err := c.db.Exec(ctx, insert, ids, client); err != nil {
			return nil, fmt.Errorf("insert sessions: %w", err)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, fmt.Errorf("make sessions live: %w", err)
		}
	}
	_, err = c.db.Exec(ctx, `ANALYZE sessions`)
	return all, err
}
