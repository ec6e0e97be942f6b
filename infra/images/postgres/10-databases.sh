#!/bin/sh
# Runs once, when the container makes its data folder: one database and one login each for the app and for
# Inngest. Neither is a superuser; the app's may create the roles that row-level security needs.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  -v app_password="$CERNIQ_DB_PASSWORD" -v inngest_password="$INNGEST_DB_PASSWORD" <<'SQL'
CREATE ROLE cerniq LOGIN CREATEROLE PASSWORD :'app_password';
CREATE ROLE inngest LOGIN PASSWORD :'inngest_password';
CREATE DATABASE cerniq OWNER cerniq;
CREATE DATABASE inngest OWNER inngest;
REVOKE CONNECT ON DATABASE cerniq, inngest FROM PUBLIC;
SQL
