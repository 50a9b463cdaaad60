#!/usr/bin/env bash
# Kills one container after another of a stack that is up, by its process, and walks a
# client's way through it all the while. Says for each how many walks failed, and for how
# long. On Linux, as root, from the top of the clone after `make build`:
#
#   deploy/compose/faults.sh [service…]
set -euo pipefail
cd "$(dirname "$0")/../.."
set -a
. deploy/compose/secrets/demo.env
JOURNEY_CA_FILE=$CA_FILE JOURNEY_CLIENT_ID=$DEMO_CLIENT_ID JOURNEY_CLIENT_SECRET=$DEMO_CLIENT_SECRET JOURNEY_READS=4
set +a
all=(auth resources-1 gateway redis nats cockroach-1 cockroach-2 clerk application)
[ $# -eq 0 ] || all=("$@")
walks=$(mktemp)
trap 'kill $walker 2>/dev/null || true; rm -f "$walks"' EXIT

now() { date +%s%3N; }
walk() {
  while true; do
    at=$(now)
    if said=$(.bin/resourcesd journey 2>&1 >/dev/null); then result=ok; else result=failed; fi
    echo "$at $(now) $result ${said//$'\n'/ }" >>"$walks"
  done
}
walk &
walker=$!
sleep 3

printf '%-14s %8s %8s %14s   %s\n' killed walks failed 'failing for' 'first answer'
for service in "${all[@]}"; do
  from=$(now)
  kill -9 "$(docker inspect -f '{{.State.Pid}}' "$(docker compose ps -q "$service")")"
  sleep 20
  docker compose up --wait --no-recreate "$service" >/dev/null 2>&1 || echo "$service did not come back"
  awk -v from="$from" -v name="$service" '
    $1 >= from { n++; if ($3 == "failed") { bad++; last = $2; if (said == "") { $1 = $2 = $3 = ""; said = $0 } } }
    END { printf "%-14s %8d %8d %11d ms  %s\n", name, n, bad, bad ? last - from : 0, substr(said, 4, 140) }' "$walks"
done
