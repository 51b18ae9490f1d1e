-- Roles and databases, brought to what the environment says at each start. Passwords come by environment:
-- arguments of a program can be read by everybody on the machine.
\getenv owner POSTGRES_OWNER_PASSWORD
\getenv writer POSTGRES_WRITER_PASSWORD
\getenv reader POSTGRES_READER_PASSWORD
\getenv airflow POSTGRES_AIRFLOW_PASSWORD
SELECT format('CREATE ROLE %I LOGIN', name) FROM (VALUES ('cogmill_owner'), ('cogmill_writer'), ('cogmill_reader'), ('airflow')) AS r(name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE cogmill_owner CREATEROLE PASSWORD :'owner';
ALTER ROLE cogmill_writer PASSWORD :'writer';
ALTER ROLE cogmill_reader PASSWORD :'reader';
ALTER ROLE airflow PASSWORD :'airflow';
GRANT cogmill_writer, cogmill_reader TO cogmill_owner WITH ADMIN OPTION;
ALTER ROLE cogmill_reader SET statement_timeout = '5s';
ALTER ROLE cogmill_reader SET default_transaction_read_only = on;
-- Airflow's search compares as its database does: in the order of a language `hays` finds Hays, too.
SELECT format('CREATE DATABASE %I OWNER %I %s', name, owner, more) FROM (VALUES ('cogmill', 'cogmill_owner', ''),
    ('airflow', 'airflow', $$LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8' TEMPLATE template0$$)) AS d(name, owner, more)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec
REVOKE TEMPORARY ON DATABASE cogmill FROM PUBLIC;
REVOKE CONNECT ON DATABASE airflow FROM PUBLIC;
\connect cogmill
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
