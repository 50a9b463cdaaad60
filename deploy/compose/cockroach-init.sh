#!/bin/bash
# Makes one cluster of the three nodes, then the database and its users. It may be
# repeated, and waits for nodes that are not there yet.
set -euo pipefail
at=(--certs-dir=/run/tandem --host=cockroach-1)

until answer=$(cockroach init "${at[@]}" 2>&1); do
  case $answer in
  *"already been initialized"*) break ;;
  *) echo "$answer" ;; # for whoever wonders what it waits for
  esac
  sleep 1
done
until cockroach sql "${at[@]}" --execute='SELECT 1' >/dev/null; do sleep 1; done
exec cockroach sql "${at[@]}" --file=/run/tandem/users.sql
