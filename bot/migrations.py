"""The tables of the state database, as the steps that lead to them."""

# Number n brings a database of version n - 1 to n. What has been released is never edited, only added to.
MIGRATIONS = (
    """
    CREATE TABLE feedback (
        id INTEGER PRIMARY KEY,
        at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
        index_version TEXT NOT NULL,
        status TEXT NOT NULL,
        helpful INTEGER NOT NULL CHECK (helpful IN (0, 1)),
        reason TEXT,
        sources TEXT NOT NULL -- a JSON list of source_ids
    );
    """,
    """
    CREATE TABLE entry ( -- questions of one meaning, or of one category where no words are kept
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL CHECK (kind IN ('question', 'feedback')),
        category TEXT NOT NULL, -- a JSON list: status, topic, facet; of feedback status, source, reason
        text TEXT, -- the first wording, masked; NULL where no words are kept
        plain TEXT, -- the same without case and marks: equal ones are one entry
        vector BLOB, -- its embedding, float32
        encoder TEXT, -- version of the index whose encoder made it
        worded TEXT, -- day when it was last asked in these words
        state TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'in_progress', 'solved', 'dismissed')),
        who TEXT,
        at TEXT,
        version INTEGER NOT NULL DEFAULT 1
    );
    CREATE UNIQUE INDEX entry_category ON entry (kind, category) WHERE text IS NULL;
    CREATE UNIQUE INDEX entry_plain ON entry (plain) WHERE plain IS NOT NULL;
    CREATE TABLE asked ( -- how often on a day; no time, no address, nothing of who asked
        entry INTEGER NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
        day TEXT NOT NULL,
        status TEXT NOT NULL,
        failed INTEGER NOT NULL CHECK (failed IN (0, 1)),
        n INTEGER NOT NULL,
        PRIMARY KEY (entry, day, status, failed)
    ) WITHOUT ROWID;
    CREATE INDEX asked_day ON asked (day);
    CREATE TABLE wording ( -- other wordings of an entry, masked
        entry INTEGER NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
        text TEXT NOT NULL,
        day TEXT NOT NULL,
        PRIMARY KEY (entry, text)
    ) WITHOUT ROWID;
    CREATE TABLE cited (day TEXT NOT NULL, source_id TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (day, source_id));
    CREATE TABLE lesson (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL CHECK (kind IN ('wording', 'answer', 'never')),
        wordings TEXT NOT NULL, -- a JSON list, the question first
        text TEXT NOT NULL, -- the approved answer
        cites TEXT NOT NULL, -- a JSON list of teaching.Cite
        author TEXT NOT NULL,
        at TEXT NOT NULL,
        review_by TEXT,
        entry INTEGER REFERENCES entry (id) ON DELETE SET NULL,
        version INTEGER NOT NULL DEFAULT 1,
        undone_by TEXT,
        undone_at TEXT
    );
    CREATE TABLE taught ( -- wordings of lessons that are not undone: one question is taught once
        plain TEXT PRIMARY KEY,
        lesson INTEGER NOT NULL REFERENCES lesson (id)
    ) WITHOUT ROWID;
    CREATE TABLE teaching (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL);
    INSERT INTO teaching VALUES (1, 0);
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        who TEXT NOT NULL,
        did TEXT NOT NULL,
        what TEXT NOT NULL
    );
    CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'only added to'); END;
    CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'only added to'); END;
    """,
    """
    CREATE TABLE account (
        name TEXT PRIMARY KEY,
        role TEXT NOT NULL CHECK (role IN ('staff', 'editor')),
        hash TEXT NOT NULL, -- of the password, Argon2
        created TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE session ( -- who is signed in; times in seconds since 1970
        token BLOB PRIMARY KEY, -- its SHA-256
        name TEXT NOT NULL,
        started REAL NOT NULL,
        seen REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE browser ( -- where somebody has signed in before: counted apart from others at the same address
        token BLOB PRIMARY KEY,
        name TEXT NOT NULL,
        at REAL NOT NULL
    ) WITHOUT ROWID;
    """,
)
