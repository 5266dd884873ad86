-- Why: pages and lists read closed work too, and the engine keeps only what is open; entries themselves are in the files of the
-- search, one a month. Everything here follows from the log
-- and the person keys: the file can be thrown away at any time and is then made again from the first entry.
--
--   request: pending ---> granted | denied | withdrawn | expired
--   grant:   scheduled ---> active <---> held
--                 \____________\__________\___> ending ---> closed
--
-- Words of people are opened here, and whose they are is noted: once such a person is erased, everything here is wiped and made
-- again without their words.

CREATE TABLE position (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- counts changes of what the projector writes: another number means another projector made this file
    version INTEGER NOT NULL,
    entries INTEGER NOT NULL CHECK (entries >= 0),
    -- leaf hash of the newest entry followed: another log has another one
    newest BLOB CHECK ((newest IS NULL) = (entries = 0)),
    -- 1 once the projector was closed in good order
    sound INTEGER NOT NULL CHECK (sound IN (0, 1))
) STRICT;

-- whose words are somewhere in this file
CREATE TABLE worded (
    subject TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE person (
    id TEXT PRIMARY KEY,
    name TEXT,
    mail TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE request (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    requester TEXT NOT NULL,
    privilege TEXT NOT NULL,
    targets TEXT NOT NULL,
    duration INTEGER NOT NULL,
    start TEXT NOT NULL,
    kind TEXT NOT NULL,
    ticket TEXT,
    answers TEXT NOT NULL,
    impact TEXT NOT NULL,
    revision INTEGER NOT NULL CHECK (revision >= 1),
    standing TEXT NOT NULL CHECK (standing IN ('pending', 'granted', 'denied', 'withdrawn', 'expired')),
    denied_by TEXT,
    denied_comment TEXT,
    sent_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    grant_number INTEGER,
    CHECK ((denied_by IS NOT NULL) = (standing = 'denied'))
) STRICT;

CREATE INDEX request_by_requester ON request (requester);
CREATE INDEX request_by_privilege ON request (privilege);
CREATE INDEX request_pending ON request (number) WHERE standing = 'pending';

CREATE TABLE consent (
    entry INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES request (number),
    person TEXT NOT NULL,
    authority TEXT NOT NULL,
    seats TEXT NOT NULL,
    comment TEXT,
    at INTEGER NOT NULL,
    voided INTEGER NOT NULL CHECK (voided IN (0, 1))
) STRICT;

CREATE INDEX consent_by_request ON consent (request);

CREATE TABLE turn (
    entry INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES request (number),
    person TEXT NOT NULL,
    kind TEXT NOT NULL,
    words TEXT,
    at INTEGER NOT NULL
) STRICT;

CREATE INDEX turn_by_request ON turn (request);

CREATE TABLE grant (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    request INTEGER NOT NULL REFERENCES request (number),
    holder TEXT NOT NULL,
    privilege TEXT NOT NULL,
    terms TEXT NOT NULL,
    standing TEXT NOT NULL CHECK (standing IN ('scheduled', 'active', 'held', 'ending', 'closed')),
    starts_at INTEGER NOT NULL,
    activated_at INTEGER,
    expires_at INTEGER,
    ended_at INTEGER,
    reason TEXT,
    closed_at INTEGER,
    calls INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    row_count INTEGER NOT NULL DEFAULT 0,
    refusals INTEGER NOT NULL DEFAULT 0,
    review TEXT NOT NULL,
    CHECK ((activated_at IS NULL) = (expires_at IS NULL)),
    CHECK ((ended_at IS NULL) = (reason IS NULL)),
    CHECK ((ended_at IS NOT NULL) = (standing IN ('ending', 'closed'))),
    CHECK ((closed_at IS NOT NULL) = (standing = 'closed'))
) STRICT;

CREATE INDEX grant_by_holder ON grant (holder);
CREATE INDEX grant_by_privilege ON grant (privilege);
CREATE INDEX grant_by_end ON grant (ended_at, reason) WHERE ended_at IS NOT NULL;
CREATE INDEX grant_open ON grant (number) WHERE standing <> 'closed';

CREATE TABLE grant_environment (
    environment TEXT NOT NULL,
    grant_number INTEGER NOT NULL REFERENCES grant (number),
    PRIMARY KEY (environment, grant_number)
) STRICT, WITHOUT ROWID;

CREATE TABLE credential (
    id TEXT PRIMARY KEY,
    grant_number INTEGER NOT NULL REFERENCES grant (number),
    read_back TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX credential_by_grant ON credential (grant_number);

CREATE TABLE use (
    entry INTEGER PRIMARY KEY,
    use_id TEXT UNIQUE,
    grant_id TEXT,
    at INTEGER NOT NULL,
    what TEXT NOT NULL,
    actions TEXT NOT NULL,
    targets TEXT NOT NULL,
    refused TEXT,
    status INTEGER,
    bytes INTEGER,
    row_count INTEGER,
    cut INTEGER NOT NULL CHECK (cut IN (0, 1)),
    CHECK (refused IS NULL OR use_id IS NULL)
) STRICT;

CREATE INDEX use_by_grant ON use (grant_id);

-- which entries are about a request, and which about a grant; uses, which are many, are in `use`

CREATE TABLE request_entry (
    request INTEGER NOT NULL REFERENCES request (number),
    entry INTEGER NOT NULL,
    PRIMARY KEY (request, entry)
) STRICT, WITHOUT ROWID;

CREATE TABLE grant_entry (
    grant_number INTEGER NOT NULL REFERENCES grant (number),
    entry INTEGER NOT NULL,
    PRIMARY KEY (grant_number, entry)
) STRICT, WITHOUT ROWID;

CREATE TABLE hour (
    hour INTEGER PRIMARY KEY,
    began INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0
) STRICT;
