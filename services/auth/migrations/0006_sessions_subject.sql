-- +goose Up
CREATE INDEX IF NOT EXISTS sessions_subject ON sessions (subject, created_at, id);
