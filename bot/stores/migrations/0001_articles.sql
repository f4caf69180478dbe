-- Tenants, and the versions of their articles. Every table begins with the tenant, so that one tenant's rows lie
-- together and can be sharded by it. Rows are only ever seen as the role faq_tenant, whose policies compare with the
-- setting faq.tenant of the transaction; the owner of the tables administers.
CREATE EXTENSION IF NOT EXISTS vector;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'faq_tenant') THEN
        CREATE ROLE faq_tenant NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
    IF NOT pg_has_role(CURRENT_USER, 'faq_tenant', 'SET') THEN
        EXECUTE format('GRANT faq_tenant TO %I', CURRENT_USER);
    END IF;
END
$$;

CREATE TABLE tenant (
    tenant bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    current integer, -- number of a version
    max_passages integer NOT NULL DEFAULT 20000 CHECK (max_passages > 0),
    per_minute integer NOT NULL DEFAULT 600 CHECK (per_minute > 0), -- questions of all its visitors together
    at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE host (
    host text PRIMARY KEY CHECK (host = lower(host) AND host <> ''),
    tenant bigint NOT NULL REFERENCES tenant ON DELETE CASCADE
);

CREATE TABLE version (
    tenant bigint NOT NULL REFERENCES tenant ON DELETE CASCADE,
    number integer NOT NULL,
    name text NOT NULL,
    manifest text NOT NULL, -- JSON, as the index has it
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, number)
);
ALTER TABLE tenant ADD FOREIGN KEY (tenant, current) REFERENCES version DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE blob ( -- what is not searched: articles, classifiers, encoders; equal contents once a tenant
    tenant bigint NOT NULL REFERENCES tenant ON DELETE CASCADE,
    sha256 bytea NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (tenant, sha256)
);
ALTER TABLE blob ALTER COLUMN content SET STORAGE EXTERNAL; -- weights don't shrink, and trying takes seconds
CREATE TABLE file ( -- the files of a version; without a blob it is made again from the tables below
    tenant bigint NOT NULL,
    number integer NOT NULL,
    place text NOT NULL,
    sha256 bytea,
    PRIMARY KEY (tenant, number, place),
    FOREIGN KEY (tenant, number) REFERENCES version ON DELETE CASCADE,
    FOREIGN KEY (tenant, sha256) REFERENCES blob DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE passage (
    tenant bigint NOT NULL,
    number integer NOT NULL,
    place integer NOT NULL, -- in its version, from 0
    id text NOT NULL,
    content text NOT NULL, -- JSON
    PRIMARY KEY (tenant, number, place),
    UNIQUE (tenant, number, id),
    FOREIGN KEY (tenant, number) REFERENCES version ON DELETE CASCADE
);

CREATE TABLE embedding ( -- of one text by one encoder, whatever versions hold the text
    tenant bigint NOT NULL REFERENCES tenant ON DELETE CASCADE,
    embedding bigint GENERATED ALWAYS AS IDENTITY,
    key bytea NOT NULL, -- SHA-256 of encoder and text
    vector vector NOT NULL,
    PRIMARY KEY (tenant, embedding),
    UNIQUE (tenant, key)
);
ALTER TABLE embedding ALTER COLUMN vector SET STORAGE PLAIN; -- in the row, where a scan of a tenant finds it
CREATE TABLE searched ( -- the rows of a version's dense index
    tenant bigint NOT NULL,
    number integer NOT NULL,
    place integer NOT NULL, -- in its version, from 0
    embedding bigint NOT NULL,
    PRIMARY KEY (tenant, number, place) INCLUDE (embedding),
    FOREIGN KEY (tenant, number) REFERENCES version ON DELETE CASCADE
);

CREATE TABLE term ( -- BM25: a term's weight in each passage that holds it, in one field
    tenant bigint NOT NULL,
    number integer NOT NULL,
    field smallint NOT NULL, -- 0 question wordings, 1 texts
    term text NOT NULL,
    places integer[] NOT NULL,
    weights real[] NOT NULL,
    PRIMARY KEY (tenant, number, field, term),
    FOREIGN KEY (tenant, number) REFERENCES version ON DELETE CASCADE
);

CREATE FUNCTION faq_current() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('faq.tenant', true), '')::bigint;

-- What a server has to know before it knows the tenant. They give nothing else away.
CREATE FUNCTION faq_named(wanted text) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
    RETURN (SELECT tenant FROM tenant WHERE name = wanted);
CREATE FUNCTION faq_hosted(wanted text) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
    RETURN (SELECT name FROM host JOIN tenant USING (tenant) WHERE host = wanted);
REVOKE ALL ON FUNCTION faq_named, faq_hosted FROM PUBLIC;
GRANT EXECUTE ON FUNCTION faq_named, faq_hosted TO faq_tenant;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['tenant', 'host', 'version', 'blob', 'file', 'passage', 'embedding', 'searched', 'term']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own ON %I TO faq_tenant USING (tenant = (SELECT faq_current()))', name);
        EXECUTE format('GRANT SELECT ON %I TO faq_tenant', name);
        IF name NOT IN ('tenant', 'host') THEN -- versions are never edited
            EXECUTE format('GRANT INSERT, DELETE ON %I TO faq_tenant', name);
        END IF;
    END LOOP;
END
$$;
GRANT UPDATE (current) ON tenant TO faq_tenant;
