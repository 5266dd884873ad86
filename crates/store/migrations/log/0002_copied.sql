-- Why: a copy of the log doesn't know what happened after it was made, so whoever serves it must not go on as if nothing had.
-- The copy says so itself, however the file came to where it is: there is no row in a log that was never copied.
--
--   (nothing) --- copied at n entries ---> n --- served: entry n begins the quarantine ---> n (for ever; a copy of it says more)

CREATE TABLE copied (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    entries INTEGER NOT NULL CHECK (entries > 0)
) STRICT;

CREATE TRIGGER a_copy_stays_one BEFORE DELETE ON copied
BEGIN SELECT RAISE (ABORT, 'a copy stays a copy'); END;
CREATE TRIGGER a_copy_is_only_copied_later BEFORE UPDATE ON copied WHEN new.entries < old.entries
BEGIN SELECT RAISE (ABORT, 'a copy is only ever copied later'); END;
