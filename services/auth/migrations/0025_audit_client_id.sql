-- +goose Up
CREATE INDEX IF NOT EXISTS audit_client_id ON audit (client_id, id);
