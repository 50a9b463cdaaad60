-- +goose Up
CREATE INDEX IF NOT EXISTS sessions_created ON sessions (created_at, id);
