#!/usr/bin/env bash
# Prints every Secret that values/dev.yaml and the stores' values name, with new random
# passwords each time. Run it once and keep what it made:
#
#   deploy/helm/dependencies/secrets.sh | kubectl apply -n tandem -f -
#
# In production the same Secrets come from wherever you keep secrets.
set -euo pipefail

word() { od -An -N"${1:-24}" -tx1 /dev/urandom | tr -d ' \n'; }

owner=$(word) sql_auth=$(word) sql_resources=$(word)
redis_admin=$(word) redis_auth=$(word) redis_resources=$(word)
nats_auth=$(word) nats_resources=$(word) nats_subscriber=$(word)
signing=$(word 48) demo=$(word)

# secret <name> <key> <value> …
secret() {
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s}\nstringData:\n' "$1"
  shift
  while [ $# -gt 0 ]; do
    printf '  %s: "%s"\n' "$1" "$2"
    shift 2
  done
}

database() { printf 'postgres://%s:%s@cockroachdb-public:26257/tandem?sslmode=verify-full&sslrootcert=/etc/tandem/trust/database.crt' "$1" "$2"; }
redis() { printf 'rediss://%s:%s@redis-master:6379/0' "$1" "$2"; }
nats() { printf 'tls://%s:%s@nats:4222' "$1" "$2"; }

secret tandem-owner DATABASE_URL "$(database tandem_owner "$owner")"
secret tandem-auth \
  DATABASE_URL "$(database tandem_auth "$sql_auth")" REDIS_URL "$(redis auth "$redis_auth")" \
  NATS_URL "$(nats auth "$nats_auth")" JWT_SECRET "$signing" \
  DEMO_PASSWORD "$(word)" DEMO_CLIENT_SECRET "$demo" DEMO_ADMIN_CLIENT_SECRET "$(word)"
secret tandem-resources \
  DATABASE_URL "$(database tandem_resources "$sql_resources")" REDIS_URL "$(redis resources "$redis_resources")" \
  NATS_URL "$(nats resources "$nats_resources")" JWT_SECRET "$signing"
secret tandem-journey JOURNEY_CLIENT_ID demo-client JOURNEY_CLIENT_SECRET "$demo"
# The Bitnami chart wants the users' passwords under their names.
secret redis-users redis-password "$redis_admin" auth "$redis_auth" resources "$redis_resources"
secret nats-users auth "$nats_auth" resources "$nats_resources" subscriber "$nats_subscriber"
# Once, as root: kubectl get secret tandem-sql -o jsonpath='{.data.users\.sql}' | base64 -d
secret tandem-sql users.sql "CREATE DATABASE IF NOT EXISTS tandem; \
CREATE USER IF NOT EXISTS tandem_owner WITH PASSWORD '$owner'; \
CREATE USER IF NOT EXISTS tandem_auth WITH PASSWORD '$sql_auth'; \
CREATE USER IF NOT EXISTS tandem_resources WITH PASSWORD '$sql_resources'; \
ALTER DATABASE tandem OWNER TO tandem_owner; \
USE tandem; \
REVOKE CREATE ON SCHEMA public FROM public; \
GRANT CREATE, USAGE ON SCHEMA public TO tandem_owner; \
GRANT USAGE ON SCHEMA public TO tandem_auth, tandem_resources;"
