-- Why: a person's words are erased by destroying the one key that opens them. So the keys lie in a file of
-- their own, outside the ledger and its backups, and a destroyed key leaves a tombstone: without it a new
-- key would be made for the same person, and "erased" could no longer be told from "never known".
--
--   (nothing) --- first words ---> key --- erased ---> tombstone (for ever)

CREATE TABLE person_key (
    subject TEXT PRIMARY KEY CHECK (subject <> ''),
    key BLOB NOT NULL CHECK (length(key) = 32)
) STRICT;

CREATE TABLE tombstone (
    subject TEXT PRIMARY KEY CHECK (subject <> ''),
    erased_at INTEGER NOT NULL
) STRICT;

CREATE TRIGGER no_key_after_a_tombstone BEFORE INSERT ON person_key
WHEN EXISTS (SELECT 1 FROM tombstone WHERE tombstone.subject = new.subject)
BEGIN SELECT RAISE (ABORT, 'this subject was erased'); END;
CREATE TRIGGER a_key_is_never_changed BEFORE UPDATE ON person_key
BEGIN SELECT RAISE (ABORT, 'keys are made once'); END;
CREATE TRIGGER a_tombstone_is_never_removed BEFORE DELETE ON tombstone
BEGIN SELECT RAISE (ABORT, 'tombstones stay'); END;
