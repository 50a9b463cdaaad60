-- +goose Up
CREATE INDEX IF NOT EXISTS tombstones_expiry ON tombstones (expires_at);
