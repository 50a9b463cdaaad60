-- +goose Up
CREATE INDEX IF NOT EXISTS operations_unpublished ON operations (published, shard, created_at, op_id);
