-- +goose Up
CREATE TABLE IF NOT EXISTS resources (
  tenant     TEXT NOT NULL,
  id         UUID NOT NULL,
  type       TEXT NOT NULL,
  name       TEXT NOT NULL,
  attributes TEXT NOT NULL,
  labels     JSONB NOT NULL,
  owner      TEXT NOT NULL,
  version    INT8 NOT NULL,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, id)
);
