-- What visitors and staff tell: the tables of bot/migrations.py, each row a tenant's. A row's tenant is that of the
-- transaction. Texts are ordered by their code points, as in a file.
CREATE FUNCTION half(periods double precision) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 0.5::double precision ^ periods;
CREATE FUNCTION julianday(day text) RETURNS double precision LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (day::date - '2000-01-01'::date) + 2451544.5::double precision;

CREATE TABLE counter ( -- the last number that a tenant's table has given; none is given twice
    tenant bigint NOT NULL DEFAULT faq_current() REFERENCES tenant ON DELETE CASCADE,
    name text NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (tenant, name)
);
CREATE FUNCTION faq_next(wanted text) RETURNS bigint LANGUAGE sql VOLATILE
BEGIN ATOMIC
    INSERT INTO counter (name, last) VALUES (wanted, 1)
    ON CONFLICT (tenant, name) DO UPDATE SET last = counter.last + 1 RETURNING last;
END;

CREATE TABLE feedback (
    tenant bigint NOT NULL DEFAULT faq_current() REFERENCES tenant ON DELETE CASCADE,
    id bigint NOT NULL DEFAULT faq_next('feedback'),
    at text COLLATE "C" NOT NULL,
    index_version text NOT NULL,
    status text NOT NULL,
    helpful integer NOT NULL CHECK (helpful IN (0, 1)),
    reason text COLLATE "C",
    sources text NOT NULL, -- a JSON list of source_ids
    PRIMARY KEY (tenant, id)
);
CREATE TABLE entry (
    tenant bigint NOT NULL DEFAULT faq_current() REFERENCES tenant ON DELETE CASCADE,
    id bigint NOT NULL DEFAULT faq_next('entry'),
    kind text NOT NULL CHECK (kind IN ('question', 'feedback')),
    category text NOT NULL,
    text text,
    plain text,
    vector bytea,
    encoder text,
    worded text COLLATE "C",
    state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'in_progress', 'solved', 'dismissed')),
    who text,
    at text,
    version integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX entry_category ON entry (tenant, kind, category) WHERE text IS NULL;
CREATE UNIQUE INDEX entry_plain ON entry (tenant, plain) WHERE plain IS NOT NULL;
CREATE TABLE asked (
    tenant bigint NOT NULL DEFAULT faq_current(),
    entry bigint NOT NULL,
    day text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    failed integer NOT NULL CHECK (failed IN (0, 1)),
    n integer NOT NULL,
    PRIMARY KEY (tenant, entry, day, status, failed),
    FOREIGN KEY (tenant, entry) REFERENCES entry ON DELETE CASCADE
);
CREATE INDEX asked_day ON asked (tenant, day);
CREATE TABLE wording (
    tenant bigint NOT NULL DEFAULT faq_current(),
    entry bigint NOT NULL,
    text text COLLATE "C" NOT NULL,
    day text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, entry, text),
    FOREIGN KEY (tenant, entry) REFERENCES entry ON DELETE CASCADE
);
CREATE TABLE cited (
    tenant bigint NOT NULL DEFAULT faq_current() REFERENCES tenant ON DELETE CASCADE,
    day text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    n integer NOT NULL,
    PRIMARY KEY (tenant, day, source_id)
);
CREATE TABLE lesson (
    tenant bigint NOT NULL DEFAULT faq_current() REFERENCES tenant ON DELETE CASCADE,
    id bigint NOT NULL DEFAULT faq_next('lesson'),
    kind text NOT NULL CHECK (kind IN ('wording', 'answer', 'never')),
    wordings text NOT NULL,
    text text NOT NULL,
    cites text NOT NULL,
    author text NOT NULL,
    at text NOT NULL,
    review_by text,
    entry bigint,
    version integer NOT NULL DEFAULT 1,
    undone_by text,
    undone_at text,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, entry) REFERENCES entry ON DELETE SET NULL (entry)
);
CREATE INDEX lesson_entry ON lesson (tenant, entry);
CREATE TABLE taught (
    tenant bigint NOT NULL DEFAULT faq_current(),
    plain text NOT NULL,
    lesson bigint NOT NULL,
    PRIMARY KEY (tenant, plain),
    FOREIGN KEY (tenant, lesson) REFERENCES lesson ON DELETE CASCADE
);
CREATE TABLE teaching (
    tenant bigint PRIMARY KEY DEFAULT faq_current() REFERENCES tenant ON DELETE CASCADE,
    version bigint NOT NULL DEFAULT 0
);
CREATE TABLE audit ( -- nobody may change it: the role has no right to
    tenant bigint NOT NULL DEFAULT faq_current() REFERENCES tenant ON DELETE CASCADE,
    id bigint NOT NULL DEFAULT faq_next('audit'),
    at text NOT NULL,
    who text NOT NULL,
    did text NOT NULL,
    what text NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE TABLE account (
    tenant bigint NOT NULL DEFAULT faq_current() REFERENCES tenant ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL,
    role text NOT NULL CHECK (role IN ('staff', 'editor')),
    hash text NOT NULL,
    created text NOT NULL,
    PRIMARY KEY (tenant, name)
);
CREATE TABLE session (
    tenant bigint NOT NULL DEFAULT faq_current() REFERENCES tenant ON DELETE CASCADE,
    token bytea NOT NULL,
    name text NOT NULL,
    started double precision NOT NULL,
    seen double precision NOT NULL,
    PRIMARY KEY (tenant, token)
);
CREATE TABLE browser (
    tenant bigint NOT NULL DEFAULT faq_current() REFERENCES tenant ON DELETE CASCADE,
    token bytea NOT NULL,
    name text NOT NULL,
    at double precision NOT NULL,
    PRIMARY KEY (tenant, token)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['counter', 'feedback', 'entry', 'asked', 'wording', 'cited', 'lesson', 'taught',
                                'teaching', 'audit', 'account', 'session', 'browser']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own ON %I TO faq_tenant USING (tenant = (SELECT faq_current()))', name);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO faq_tenant', name);
        IF name <> 'audit' THEN
            EXECUTE format('GRANT UPDATE, DELETE ON %I TO faq_tenant', name);
        END IF;
    END LOOP;
END
$$;

-- Every tenant has a teaching version, and servers are told of a new one as of a publication.
CREATE FUNCTION faq_teaching_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO teaching (tenant) VALUES (NEW.tenant);
    RETURN NULL;
END
$$;
CREATE TRIGGER teaching_begins AFTER INSERT ON tenant FOR EACH ROW EXECUTE FUNCTION faq_teaching_begins();
INSERT INTO teaching (tenant) SELECT tenant FROM tenant;
CREATE FUNCTION faq_taught() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('faq_version', name) FROM tenant WHERE tenant.tenant = NEW.tenant;
    RETURN NULL;
END
$$;
CREATE TRIGGER taught AFTER UPDATE ON teaching FOR EACH ROW EXECUTE FUNCTION faq_taught();
