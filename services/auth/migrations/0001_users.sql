-- +goose Up
CREATE TABLE IF NOT EXISTS users (
  id                    UUID PRIMARY KEY,
  login                 TEXT NOT NULL UNIQUE,
  password              TEXT NOT NULL,
  roles                 TEXT[] NOT NULL DEFAULT '{}',
  disabled              BOOL NOT NULL DEFAULT false,
  credential_generation INT8 NOT NULL DEFAULT 1,
  created_at            TIMESTAMPTZ NOT NULL DEFAULT now(),
  updated_at            TIMESTAMPTZ NOT NULL DEFAULT now()
);
