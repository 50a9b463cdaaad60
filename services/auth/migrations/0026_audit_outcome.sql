-- +goose Up
CREATE INDEX IF NOT EXISTS audit_outcome ON audit (outcome, id);
