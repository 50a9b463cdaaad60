-- +goose Up
CREATE INDEX IF NOT EXISTS operations_unpublished_subject ON operations (published, subject, version);
