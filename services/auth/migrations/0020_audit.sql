-- +goose Up
-- What was tried and done, and the outbox of its announcements. The id is a UUID
-- of version 7 whose time is at: one order serves pages, periods and retention.
CREATE TABLE IF NOT EXISTS audit (
  id         UUID PRIMARY KEY,
  at         TIMESTAMPTZ NOT NULL,
  type       TEXT NOT NULL,
  outcome    TEXT NOT NULL DEFAULT 'success',
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
