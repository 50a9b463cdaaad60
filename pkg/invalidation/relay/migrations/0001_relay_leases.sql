-- +goose Up
CREATE TABLE IF NOT EXISTS relay_leases (
  shard       INT8 PRIMARY KEY,
  holder      TEXT NOT NULL DEFAULT '',
  lease_until TIMESTAMPTZ NOT NULL DEFAULT now()
);
