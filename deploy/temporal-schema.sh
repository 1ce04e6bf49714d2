#!/bin/sh
# Creates Temporal's two databases and brings their schemas to this server version. Safe to run again.
set -eu
: "${POSTGRES_SEEDS:?}" "${POSTGRES_USER:?}" "${SQL_PASSWORD:?}"
for pair in temporal:temporal temporal_visibility:visibility; do
  database=${pair%%:*}
  schema=${pair##*:}
  sql() { temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" -p "${DB_PORT:-5432}" -u "$POSTGRES_USER" --db "$database" "$@"; }
  sql create
  # Version 0.0 exists from the first run on; the update then does the rest.
  sql setup-schema -v 0.0 || echo "the schema of $database is there already"
  sql update-schema -d "/etc/temporal/schema/postgresql/v12/$schema/versioned"
done
