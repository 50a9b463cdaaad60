-- +goose Up
CREATE INDEX IF NOT EXISTS cutoffs_pending ON cutoffs (pending, updated_at);
