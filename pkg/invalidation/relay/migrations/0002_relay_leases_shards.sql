-- +goose Up
INSERT INTO relay_leases (shard) VALUES (0), (1), (2), (3), (4), (5), (6), (7) ON CONFLICT (shard) DO NOTHING;
