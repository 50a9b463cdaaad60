-- +goose Up
-- Every session that may still live, so that all of a subject's, of a client's,
-- or before a time can be found. What lives is decided by Redis alone. A row that
-- has ended stays until Redis has heard of it.
CREATE TABLE IF NOT EXISTS sessions (
  id                 UUID PRIMARY KEY,
  subject            TEXT NOT NULL,
  client_id          TEXT NOT NULL,
  tenant             TEXT NOT NULL,
  device             TEXT NOT NULL DEFAULT '',
  origin             TEXT NOT NULL DEFAULT '',
  subject_generation INT8 NOT NULL,
  client_generation  INT8 NOT NULL,
  all_generation     INT8 NOT NULL,
  created_at         TIMESTAMPTZ NOT NULL DEFAULT now(),
  expires_at         TIMESTAMPTZ NOT NULL,
  ended_at           TIMESTAMPTZ
);
