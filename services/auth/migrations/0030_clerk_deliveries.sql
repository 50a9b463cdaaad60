-- +goose Up
-- A delivery of Clerk's is finished once Redis has heard of it too. Until then
-- its repetition does the rest.
CREATE TABLE IF NOT EXISTS clerk_deliveries (
  id          TEXT PRIMARY KEY,
  event       TEXT NOT NULL,
  finished    BOOL NOT NULL DEFAULT false,
  received_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  expires_at  TIMESTAMPTZ NOT NULL
);
