-- +goose Up
CREATE INDEX IF NOT EXISTS resources_by_type ON resources (tenant, type, id);
