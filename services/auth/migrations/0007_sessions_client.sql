-- +goose Up
CREATE INDEX IF NOT EXISTS sessions_client ON sessions (client_id, id);
