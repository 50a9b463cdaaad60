-- +goose Up
CREATE TABLE IF NOT EXISTS audit (
  id         UUID PRIMARY KEY,
  at         TIMESTAMPTZ NOT NULL,
  type       TEXT NOT NULL,
  reason     TEXT NOT NULL DEFAULT '',
  actor      TEXT NOT NULL DEFAULT '',
  subject    TEXT NOT NULL DEFAULT '',
  client_id  TEXT NOT NULL DEFAULT '',
  session_id TEXT NOT NULL DEFAULT '',
  tenant     TEXT NOT NULL DEFAULT '',
  address    TEXT NOT NULL DEFAULT '',
  request_id TEXT NOT NULL DEFAULT '',
  detail     JSONB NOT NULL DEFAULT '{}',
  published  BOOL NOT NULL DEFAULT false
);
