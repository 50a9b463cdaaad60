-- +goose Up
CREATE TABLE IF NOT EXISTS operations (
  op_id        UUID PRIMARY KEY,
  state        TEXT NOT NULL CHECK (state IN ('committed', 'aborted')),
  version      INT8,
  subject      TEXT NOT NULL DEFAULT '',
  event        JSONB,
  shard        INT8 NOT NULL DEFAULT 0,
  published    BOOL NOT NULL DEFAULT false,
  created_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
  published_at TIMESTAMPTZ
);
