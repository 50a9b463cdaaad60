-- +goose Up
INSERT INTO audit_leases (name) VALUES ('announce') ON CONFLICT (name) DO NOTHING;
