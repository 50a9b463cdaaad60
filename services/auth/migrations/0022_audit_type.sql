-- +goose Up
CREATE INDEX IF NOT EXISTS audit_type ON audit (type, id);
