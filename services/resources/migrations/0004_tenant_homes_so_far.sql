-- +goose Up
-- There was but one region until now.
INSERT INTO tenant_homes (tenant, region)
  SELECT DISTINCT r.tenant, e.region FROM resources r, redis_epoch e ON CONFLICT (tenant) DO NOTHING;
