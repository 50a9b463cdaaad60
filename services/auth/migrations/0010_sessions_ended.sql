-- +goose Up
CREATE INDEX IF NOT EXISTS sessions_ended ON sessions (ended_at);
