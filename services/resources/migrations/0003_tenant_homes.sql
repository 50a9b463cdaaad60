-- +goose Up
-- The region in whose Redis a tenant's resources are cached. A row never changes:
-- every instance remembers it.
CREATE TABLE IF NOT EXISTS tenant_homes (
  tenant     TEXT PRIMARY KEY,
  region     TEXT NOT NULL,
  claimed_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
