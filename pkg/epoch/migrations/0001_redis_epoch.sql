-- +goose Up
CREATE TABLE IF NOT EXISTS redis_epoch (
  region     TEXT PRIMARY KEY,
  epoch      INT8 NOT NULL,
  identity   TEXT NOT NULL,
  previous   TEXT NOT NULL DEFAULT '',
  ready      BOOL NOT NULL DEFAULT false,
  changed_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
