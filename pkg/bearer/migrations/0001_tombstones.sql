-- +goose Up
CREATE TABLE IF NOT EXISTS tombstones (
  kind       TEXT NOT NULL,
  id         TEXT NOT NULL,
  subject    TEXT NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (kind, id)
);
