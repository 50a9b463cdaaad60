-- +goose Up
CREATE INDEX IF NOT EXISTS sessions_subject ON sessions (subject, id);
