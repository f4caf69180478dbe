-- Articles that wait to be built and published by workers. A job is taken by locking its row until its transaction ends,
-- so the job of a worker that dies is free again at once. Workers act as the owner of the tables.
CREATE TABLE ingestion (
    tenant bigint NOT NULL REFERENCES tenant ON DELETE CASCADE,
    ingestion bigint GENERATED ALWAYS AS IDENTITY,
    key bytea NOT NULL, -- SHA-256 of the files and settings
    settings text NOT NULL, -- JSON; who has others gets other vectors, and leaves it alone
    at timestamptz NOT NULL DEFAULT now(),
    jobs integer NOT NULL, -- at the beginning
    version integer, -- number of what was published
    failure text, -- in place of it
    ended timestamptz,
    PRIMARY KEY (tenant, ingestion)
);
CREATE UNIQUE INDEX ON ingestion (tenant, key) WHERE ended IS NULL;

CREATE TABLE source ( -- the files to be built; removed at the end
    tenant bigint NOT NULL,
    ingestion bigint NOT NULL,
    place text NOT NULL, -- in the folder of articles
    content bytea NOT NULL,
    PRIMARY KEY (tenant, ingestion, place),
    FOREIGN KEY (tenant, ingestion) REFERENCES ingestion ON DELETE CASCADE
);

CREATE TABLE job ( -- texts to be embedded, or to publish; removed at the end
    tenant bigint NOT NULL,
    ingestion bigint NOT NULL,
    job integer NOT NULL, -- 0 publishes, and comes last
    texts bytea NOT NULL, -- JSON list
    vectors bytea, -- of the texts, float32; empty once published
    PRIMARY KEY (tenant, ingestion, job),
    FOREIGN KEY (tenant, ingestion) REFERENCES ingestion ON DELETE CASCADE
);
CREATE INDEX ON job (ingestion, job) WHERE vectors IS NULL;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['ingestion', 'source', 'job']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own ON %I TO faq_tenant USING (tenant = (SELECT faq_current()))', name);
        EXECUTE format('GRANT SELECT, INSERT, DELETE ON %I TO faq_tenant', name);
    END LOOP;
END
$$;
