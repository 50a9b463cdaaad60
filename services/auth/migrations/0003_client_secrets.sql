-- +goose Up
ALTER TABLE clients
  ADD COLUMN IF NOT EXISTS previous_digest BYTEA,
  ADD COLUMN IF NOT EXISTS previous_until TIMESTAMPTZ;
