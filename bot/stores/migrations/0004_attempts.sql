-- How often a job was taken. A row is written by whoever holds the job's lock, in a transaction of its own, so that it
-- stays when its worker is killed. Jobs that were lost with the database itself are nobody's fault: it is counted from
-- the database's last start.
CREATE TABLE attempt (
    tenant bigint NOT NULL,
    ingestion bigint NOT NULL,
    job integer NOT NULL,
    attempts integer NOT NULL,
    since timestamptz NOT NULL DEFAULT pg_postmaster_start_time(),
    PRIMARY KEY (tenant, ingestion, job),
    FOREIGN KEY (tenant, ingestion, job) REFERENCES job ON DELETE CASCADE
);
ALTER TABLE attempt ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON attempt TO faq_tenant USING (tenant = (SELECT faq_current()));
GRANT SELECT, INSERT, DELETE ON attempt TO faq_tenant;
