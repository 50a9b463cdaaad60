-- +goose Up
-- Beside the release before: it knows no keys, and leaves them NULL, which is never a second of its kind.
CREATE UNIQUE INDEX IF NOT EXISTS operations_idempotency_key ON operations (idempotency_key);
