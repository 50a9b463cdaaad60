-- +goose Up
CREATE INDEX IF NOT EXISTS sessions_origin ON sessions (origin, id);
