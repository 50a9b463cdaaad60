-- +goose Up
CREATE INDEX IF NOT EXISTS clerk_deliveries_expiry ON clerk_deliveries (expires_at);
