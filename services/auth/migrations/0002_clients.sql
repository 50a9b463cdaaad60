-- +goose Up
CREATE TABLE IF NOT EXISTS clients (
  client_id     TEXT PRIMARY KEY,
  name          TEXT NOT NULL DEFAULT '',
  secret_digest BYTEA,
  grants        TEXT[] NOT NULL DEFAULT '{}',
  scopes        TEXT[] NOT NULL DEFAULT '{}',
  audiences     TEXT[] NOT NULL DEFAULT '{}',
  public        BOOL NOT NULL DEFAULT false,
  first_party   BOOL NOT NULL DEFAULT false,
  disabled      BOOL NOT NULL DEFAULT false,
  created_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
  updated_at    TIMESTAMPTZ NOT NULL DEFAULT now()
);
