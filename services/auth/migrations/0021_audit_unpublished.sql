-- +goose Up
CREATE INDEX IF NOT EXISTS audit_unpublished ON audit (published, id);
