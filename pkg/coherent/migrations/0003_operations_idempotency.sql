-- +goose Up
ALTER TABLE operations
  ADD COLUMN IF NOT EXISTS idempotency_key BYTEA,
  ADD COLUMN IF NOT EXISTS idempotency_request BYTEA,
  ADD COLUMN IF NOT EXISTS idempotency_answer TEXT;
