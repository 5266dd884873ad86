-- Why: the ledger is the truth, so its rows are only ever added. One transaction adds the leaves, the
-- tree nodes they complete, and moves the head; a crash leaves either all of it or nothing.
--
--   head (size n) --- commit of k leaves, only if size is still n ---> head (size n + k)
--
-- Leaves and nodes are numbered without gaps in the order they arrive, so both are plain rowid tables:
-- each insert goes to the right edge of one b-tree, and no second index is kept. Bodies, blobs and answers
-- are looked up by what they are, so they lie in b-trees by that key alone.

CREATE TABLE head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    size INTEGER NOT NULL CHECK (size >= 0),
    root BLOB NOT NULL CHECK (length(root) = 32),
    checkpoint TEXT NOT NULL CHECK ((checkpoint = '') = (size = 0))
) STRICT;

-- the root of no entries is SHA-256 of nothing (RFC 6962 section 2.1)
INSERT INTO head (one, size, root, checkpoint)
VALUES (1, 0, x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', '');

CREATE TABLE leaf (
    entry INTEGER PRIMARY KEY CHECK (entry >= 0),
    bytes BLOB NOT NULL CHECK (length(bytes) BETWEEN 1 AND 65535)
) STRICT;

CREATE TABLE node (
    place INTEGER PRIMARY KEY CHECK (place >= 0),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE body (
    commitment BLOB PRIMARY KEY CHECK (length(commitment) = 32),
    subject TEXT NOT NULL CHECK (subject <> ''),
    nonce BLOB NOT NULL CHECK (length(nonce) = 24),
    ciphertext BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE blob (
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE answer (
    principal TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    entry INTEGER NOT NULL REFERENCES leaf (entry),
    PRIMARY KEY (principal, key)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER a_leaf_is_never_changed BEFORE UPDATE ON leaf
BEGIN SELECT RAISE (ABORT, 'leaves are only ever added'); END;
CREATE TRIGGER a_leaf_is_never_removed BEFORE DELETE ON leaf
BEGIN SELECT RAISE (ABORT, 'leaves are only ever added'); END;
CREATE TRIGGER a_node_is_never_changed BEFORE UPDATE ON node
BEGIN SELECT RAISE (ABORT, 'nodes are only ever added'); END;
CREATE TRIGGER a_node_is_never_removed BEFORE DELETE ON node
BEGIN SELECT RAISE (ABORT, 'nodes are only ever added'); END;
CREATE TRIGGER the_head_is_never_removed BEFORE DELETE ON head
BEGIN SELECT RAISE (ABORT, 'the head is only ever moved'); END;
CREATE TRIGGER the_head_only_moves_on BEFORE UPDATE ON head WHEN new.size < old.size
BEGIN SELECT RAISE (ABORT, 'the head only ever moves on'); END;
