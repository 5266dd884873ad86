-- Why: each entry as a line, and the words and marks by which it is found: one file a month, so that an old month is never written
-- again, and a start looks through the newest alone. Like `views.db` it follows from the log and the person keys.
--
-- Words of people are opened here too: once such a person is erased, every file is wiped and made again without their words.

CREATE TABLE position (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- counts changes of what the projector writes: another number means another projector made this file
    version INTEGER NOT NULL,
    -- the first entry of the month
    first INTEGER CHECK ((first IS NULL) = (entries = 0)),
    -- one after its newest entry
    entries INTEGER NOT NULL CHECK (entries >= 0),
    -- leaf hash of the newest entry followed: another log has another one
    newest BLOB CHECK ((newest IS NULL) = (entries = 0)),
    -- 1 once the projector was done with the file, or closed it in good order
    sound INTEGER NOT NULL CHECK (sound IN (0, 1))
) STRICT;

-- whose words entries of this file brought, and which of them first
CREATE TABLE worded (
    subject TEXT PRIMARY KEY,
    entry INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE entry (
    entry INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    stream TEXT NOT NULL,
    person TEXT,
    privilege TEXT,
    targets TEXT NOT NULL,
    request INTEGER,
    grant_number INTEGER,
    ticket TEXT,
    outcome TEXT NOT NULL,
    summary TEXT NOT NULL
) STRICT;

-- times never go back from one entry to the next, so a span of time is a span of entries
CREATE INDEX entry_by_time ON entry (at);

-- nothing is ever changed in it, so it keeps the index alone and not the words a second time; `marks` are the values of the
-- filters, so that whatever combines with a word is looked up beside it
CREATE VIRTUAL TABLE entry_words USING fts5 (
    summary,
    words,
    marks,
    content = '',
    columnsize = 0,
    tokenize = "unicode61 remove_diacritics 2"
);
