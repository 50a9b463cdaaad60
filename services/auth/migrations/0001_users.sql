-- +goose Up
CREATE TABLE IF NOT EXISTS users (
  id         UUID PRIMARY KEY,
  login      TEXT NOT NULL UNIQUE,
  password   TEXT NOT NULL,
  roles      TEXT[] NOT NULL DEFAULT '{}',
  disabled   BOOL NOT NULL DEFAULT false,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
