-- +goose Up
-- Who announces now. It only keeps instances from doing the same work.
CREATE TABLE IF NOT EXISTS audit_leases (
  name        TEXT PRIMARY KEY,
  holder      TEXT NOT NULL DEFAULT '',
  lease_until TIMESTAMPTZ NOT NULL DEFAULT now()
);
