//! The log proper: leaves are hashed again, held against the nodes of the tree and the signed head. The signed head says whom to
//! believe: if the leaves lead to it, a node that differs is wrong; if they don't, the leaf is.
use super::{DataFile, Inspected, Progress};
use ledger::{
    checkpoint::VerifierKey,
    digest::Digest,
    leaf::Leaf,
    tree::{Tree, TreeHead},
};
use rusqlite::{Connection, Rows};
use serde_json::Value;
use std::collections::BTreeMap;

const FILE: DataFile = DataFile::Log;

/// How many entries lie between two reports of progress.
const STEP: u64 = 256;

/// A body as an entry refers to it.
#[derive(Debug)]
pub(super) struct Reference {
    /// The first entry that does.
    pub(super) entry: u64,
    /// Whose words.
    pub(super) subject: String,
}

/// What the entries say about everything beside them.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// How many entries there are.
    pub(super) size: u64,
    /// Bodies by commitment.
    pub(super) bodies: BTreeMap<Digest, Reference>,
    /// Blobs by digest, and the first entry that refers to each.
    pub(super) blobs: BTreeMap<Digest, u64>,
    /// Subjects whose key was destroyed.
    pub(super) erased: BTreeMap<String, u64>,
    /// Commitments to the answers that are kept, by entry.
    pub(super) answers: BTreeMap<u64, String>,
}

/// The head as its row tells it.
struct Head {
    tree: TreeHead,
    checkpoint: String,
}

/// Looks through `head`, `leaf` and `node`.
pub(super) fn inspect(
    db: &Connection,
    key: &VerifierKey,
    seen: &mut Inspected,
    progress: Progress<'_>,
) -> rusqlite::Result<Told> {
    let head = head(db, seen)?;
    let signed = signed(&head, key, seen);
    let mut walk = Walk {
        tree: Tree::new(),
        told: Told::default(),
        leaves: Vec::new(),
        nodes: Vec::new(),
        unreadable: Vec::new(),
    };
    let whole = walk.leaves(db, signed.size, seen, progress)?;
    seen.entries = walk.told.size;
    copied(db, signed.size, seen)?;
    if whole {
        walk.judge(signed, seen);
    }
    Ok(walk.told)
}

fn head(db: &Connection, seen: &mut Inspected) -> rusqlite::Result<Head> {
    let others: u64 = db.query_row("SELECT COUNT(*) FROM head WHERE head.one <> 1", [], |row| {
        row.get(0)
    })?;
    if others > 0 {
        seen.add(FILE, "head", "", "there is more than one head");
    }
    db.query_row(
        "SELECT
            head.size,
            head.root,
            head.checkpoint
        FROM head
        WHERE head.one = 1",
        [],
        |row| {
            let tree = TreeHead {
                size: row.get(0)?,
                root: Digest::from_bytes(row.get(1)?),
            };
            Ok(Head {
                tree,
                checkpoint: row.get(2)?,
            })
        },
    )
}

/// A log that was copied is no shorter than it was then.
fn copied(db: &Connection, size: u64, seen: &mut Inspected) -> rusqlite::Result<()> {
    let mut statement = db.prepare(
        "SELECT
            copied.one,
            copied.entries
        FROM copied",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (one, entries): (u64, u64) = (row.get(0)?, row.get(1)?);
        if one != 1 {
            seen.add(
                FILE,
                "copied",
                one,
                "a log says once with how many entries it was copied",
            );
        }
        if entries > size {
            let what = format!("it was copied with {entries} entries, and has {size}");
            seen.add(FILE, "copied", one, what);
        }
    }
    Ok(())
}

/// The head that the log's key signed; the one of the row, if it signed none.
fn signed(head: &Head, key: &VerifierKey, seen: &mut Inspected) -> TreeHead {
    if head.tree.size == 0 && head.checkpoint.is_empty() {
        return Tree::new().head();
    }
    let checkpoint = match key.open(&head.checkpoint) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            let what = format!(
                "the checkpoint is not to be believed: {}",
                engine::chain(&error)
            );
            seen.add(FILE, "head", "1", what);
            return head.tree;
        }
    };
    let signed = checkpoint.head();
    if signed.size != head.tree.size {
        let what = format!(
            "it tells {} entries, and the signed checkpoint {}",
            head.tree.size, signed.size
        );
        seen.add(FILE, "head", "1", what);
    }
    if signed.root != head.tree.root {
        seen.add(
            FILE,
            "head",
            "1",
            "its root is not the one of the signed checkpoint",
        );
    }
    signed
}

struct Walk {
    tree: Tree,
    told: Told,
    /// Entries whose bytes and lowest node differ.
    leaves: Vec<u64>,
    /// Places of other nodes that differ, or are not there.
    nodes: Vec<u64>,
    /// Entries that can't be read, and why.
    unreadable: Vec<(u64, String)>,
}

impl Walk {
    /// Hashes every leaf; whether none is missing or too many.
    fn leaves(
        &mut self,
        db: &Connection,
        size: u64,
        seen: &mut Inspected,
        progress: Progress<'_>,
    ) -> rusqlite::Result<bool> {
        let mut leaves = db.prepare(
            "SELECT
                leaf.entry,
                leaf.bytes
            FROM leaf
            ORDER BY leaf.entry",
        )?;
        let mut nodes = db.prepare(
            "SELECT
                node.place,
                node.hash
            FROM node
            ORDER BY node.place",
        )?;
        let mut nodes = Nodes {
            rows: nodes.query([])?,
            strays: Vec::new(),
            next: None,
        };
        nodes.advance()?;
        let mut rows = leaves.query([])?;
        while let Some(row) = rows.next()? {
            let (entry, bytes): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let expected = self.tree.size();
            if u64::try_from(entry) != Ok(expected) {
                let what = format!("entry {expected} is missing: {entry} comes in its place");
                seen.add(FILE, "leaf", entry, what);
                return Ok(false);
            }
            if expected == size {
                let what = format!("the signed log has only {size} entries, from 0");
                seen.add(FILE, "leaf", entry, what);
                return Ok(false);
            }
            self.leaf(expected, &bytes, &mut nodes)?;
            if expected.is_multiple_of(STEP) {
                progress("entries", expected, size);
            }
        }
        progress("entries", self.tree.size(), size);
        nodes.none_left(seen)?;
        if self.tree.size() < size {
            let what = format!("entries {} to {} are missing", self.tree.size(), size - 1);
            seen.add(FILE, "leaf", "", what);
            return Ok(false);
        }
        Ok(true)
    }

    fn leaf(&mut self, entry: u64, bytes: &[u8], nodes: &mut Nodes<'_>) -> rusqlite::Result<()> {
        for (n, stored) in self.tree.append(bytes).iter().enumerate() {
            let same = nodes.take(stored.index)? == Some(stored.hash);
            match (same, n) {
                (true, _) => {}
                (false, 0) => self.leaves.push(entry),
                (false, _) => self.nodes.push(stored.index),
            }
        }
        self.told.size += 1;
        if let Err(error) = self.told.note(entry, bytes) {
            self.unreadable.push((entry, error));
        }
        Ok(())
    }

    /// Lets the signed head decide what is wrong.
    fn judge(self: &mut Walk, signed: TreeHead, seen: &mut Inspected) {
        if self.tree.head() == signed {
            for entry in &self.leaves {
                let place = ledger::tree::stored_index(0, *entry);
                seen.add(
                    FILE,
                    "node",
                    place,
                    format!("it is not the hash of entry {entry}"),
                );
            }
            for place in &self.nodes {
                seen.add(
                    FILE,
                    "node",
                    place,
                    "it is not the hash of the nodes below it",
                );
            }
            for (entry, error) in &self.unreadable {
                let what = format!("entry {entry} is signed and can't be read: {error}");
                seen.add(FILE, "leaf", entry, what);
            }
            return;
        }
        for entry in &self.leaves {
            seen.add(
                FILE,
                "leaf",
                entry,
                format!("entry {entry} was altered after it was signed"),
            );
        }
        if self.leaves.is_empty() {
            let what = "entries and their hashes agree with each other and not with the signed root: the log was rewritten";
            seen.add(FILE, "leaf", "", what);
        }
    }
}

/// The rows of `node`, in order.
struct Nodes<'s> {
    rows: Rows<'s>,
    /// Places before which nothing was expected.
    strays: Vec<i64>,
    next: Option<(i64, Digest)>,
}

impl Nodes<'_> {
    fn advance(&mut self) -> rusqlite::Result<()> {
        self.next = match self.rows.next()? {
            Some(row) => Some((row.get(0)?, Digest::from_bytes(row.get(1)?))),
            None => None,
        };
        Ok(())
    }

    /// The hash at `place`, if there is one.
    fn take(&mut self, place: u64) -> rusqlite::Result<Option<Digest>> {
        while let Some((found, hash)) = self.next {
            match u64::try_from(found) {
                Ok(found) if found == place => {
                    self.advance()?;
                    return Ok(Some(hash));
                }
                Ok(found) if found > place => return Ok(None),
                _ => {
                    self.strays.push(found);
                    self.advance()?;
                }
            }
        }
        Ok(None)
    }

    fn none_left(&mut self, seen: &mut Inspected) -> rusqlite::Result<()> {
        while let Some((place, _)) = self.next {
            self.strays.push(place);
            self.advance()?;
        }
        for place in &self.strays {
            seen.add(FILE, "node", place, "no entries lead to this node");
        }
        Ok(())
    }
}

impl Told {
    /// Notes what an entry says about what lies beside it.
    fn note(&mut self, entry: u64, bytes: &[u8]) -> Result<(), String> {
        let leaf = Leaf::decode(bytes).map_err(|error| engine::chain(&error))?;
        let said = |error: &ledger::leaf::LeafError| engine::chain(error);
        for body in leaf.bodies().map_err(|error| said(&error))? {
            let subject = body.subject;
            let reference = Reference { entry, subject };
            self.bodies.entry(body.commitment).or_insert(reference);
        }
        for blob in leaf.blobs().map_err(|error| said(&error))? {
            self.blobs.entry(blob).or_insert(entry);
        }
        for subject in leaf.erased().map_err(|error| said(&error))? {
            self.erased.insert(subject, entry);
        }
        if let Some(answer) = leaf.record.get("answer").and_then(Value::as_str) {
            self.answers.insert(entry, answer.to_owned());
        }
        Ok(())
    }
}
