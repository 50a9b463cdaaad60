-- +goose Up
CREATE UNIQUE INDEX IF NOT EXISTS operations_idempotency_key ON operations (idempotency_key);
