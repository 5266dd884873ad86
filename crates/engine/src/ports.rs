//! The ports: everything the engine needs from outside, as traits. The real ones are in `store`, `connectors` and `remit`;
//! tests bring a clock, a disk and a network of their own.
use domain::{
    grant::{CredentialKind, GrantTerms},
    ids::{CredentialId, GrantId, TargetId},
    time::Timestamp,
};
use ledger::{
    body::{PersonKey, SealedBody},
    digest::Digest,
    tree::{HashSource, StoredHash, TreeHead},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
    pin::Pin,
    time::Duration,
};

/// Keeps a digest of an answer apart from any other digest.
const ANSWER_DOMAIN: &[u8] = b"remit/answer/v1\n";

/// What asynchronous ports return.
pub type Eventually<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// The wall clock, which anybody may have set to anything.
    fn wall(&self) -> Timestamp;
    /// Milliseconds since some fixed instant; never falls back.
    fn monotonic_ms(&self) -> i64;
    /// Returns when `pause` has gone by: by the timer of the runtime, unless time is made up as well.
    fn pause(&self, pause: Duration) -> Eventually<'static, ()> {
        Box::pin(async move { tokio::time::sleep(pause).await })
    }
}

/// Where random bits come from.
pub trait Random: Send + Sync {
    /// Fills `bytes` with unpredictable bits.
    fn fill(&self, bytes: &mut [u8]);
}

/// The head of the log as it lies on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Size and root.
    pub tree: TreeHead,
    /// The signed checkpoint (C2SP signed note) of just this head; empty for an empty log.
    pub checkpoint: String,
}

/// Everything one durable transaction writes.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Size of the log that this batch was made for: the compare of compare-and-set.
    pub expected_size: u64,
    /// Canonical bytes of the new leaves, in order; the first has index `expected_size`.
    pub leaves: Vec<Vec<u8>>,
    /// New nodes of the tree.
    pub hashes: Vec<StoredHash>,
    /// The head after it.
    pub head: Head,
    /// Encrypted bodies that the leaves commit to.
    pub bodies: Vec<SealedBody>,
    /// Large inputs that the leaves name by hash.
    pub blobs: Vec<(Digest, Vec<u8>)>,
    /// Answers to keep for repeated commands.
    pub answers: Vec<KeptAnswer>,
    /// Whether all of it takes power away: only then may it use the room that is held back for a full disk.
    pub takes_away: bool,
}

/// Ties an idempotency key to the entry that answered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Whose key.
    pub principal: String,
    /// The key they sent.
    pub key: String,
    /// Digest of what they sent with it.
    pub fingerprint: Digest,
    /// The entry that answered.
    pub entry: u64,
}

impl KeptAnswer {
    /// Digest of whose key it is, the key, and what was sent with it: the entry that answered holds it, so that nobody can give
    /// another's answer to whoever asks again.
    pub fn commitment(&self) -> Digest {
        let principal = Digest::of(self.principal.as_bytes());
        let key = Digest::of(self.key.as_bytes());
        let parts = [&principal, &key, &self.fingerprint].map(|part| part.as_bytes().as_slice());
        Digest::of(&[ANSWER_DOMAIN, parts.concat().as_slice()].concat())
    }
}

/// Why a commit didn't happen, or may not have.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Somebody else wrote: this process must not go on writing.
    #[error(
        "the log has {found} entries where {expected} were expected: another writer is at work"
    )]
    Conflict {
        /// What the writer believed.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// There is no room.
    #[error("the disk of the log is full")]
    Full,
    /// It may have happened or not; read the log again before going on.
    #[error("the log could not be written")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A failed read.
#[derive(Debug, thiserror::Error)]
#[error("could not read {what}")]
pub struct ReadError {
    /// What was being read.
    pub what: &'static str,
    /// Why it failed.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Reads the log; any number of readers at a time.
pub trait LogReader: Send + Sync {
    /// The committed head.
    ///
    /// # Errors
    /// [`ReadError`] if the store can't be read.
    fn head(&self) -> Result<Head, ReadError>;
    /// Canonical bytes of up to `limit` leaves from index `from` on.
    ///
    /// # Errors
    /// [`ReadError`] if the store can't be read.
    fn leaves(&self, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, ReadError>;
    /// Stored tree nodes by tlog stored-hash index, in the order asked; an absent one is an error.
    ///
    /// # Errors
    /// [`ReadError`] if the store can't be read or lacks one of them.
    fn hashes(&self, indexes: &[u64]) -> Result<Vec<Digest>, ReadError>;
    /// One encrypted body.
    ///
    /// # Errors
    /// [`ReadError`] if the store can't be read.
    fn body(&self, commitment: &Digest) -> Result<Option<SealedBody>, ReadError>;
    /// One large input.
    ///
    /// # Errors
    /// [`ReadError`] if the store can't be read.
    fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ReadError>;
    /// How many entries the log had when it was made as a copy of another; `None` if it isn't one.
    ///
    /// # Errors
    /// [`ReadError`] if the store can't be read.
    fn copied(&self) -> Result<Option<u64>, ReadError>;
    /// The answer kept for a principal's key.
    ///
    /// # Errors
    /// [`ReadError`] if the store can't be read.
    fn answer(&self, principal: &str, key: &str) -> Result<Option<KeptAnswer>, ReadError>;
}

/// The nodes of the tree as the log keeps them, for tiles and proofs.
pub struct StoredHashes<'a>(pub &'a dyn LogReader);

impl fmt::Debug for StoredHashes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredHashes")
    }
}

impl HashSource for StoredHashes<'_> {
    type Error = ReadError;
    fn hashes(&self, indexes: &[u64]) -> Result<Vec<Digest>, ReadError> {
        self.0.hashes(indexes)
    }
}

/// Writes the log; exactly one at a time.
pub trait LogWriter: Send {
    /// Writes all of `batch` in one durable transaction, or nothing.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] if the head isn't `batch.expected_size`; [`CommitError::Unknown`] if it can't be told.
    fn commit(&mut self, batch: &Batch) -> Result<(), CommitError>;
}

/// Keeps the keys under which people's bodies are encrypted; outside the log and its backups.
pub trait KeyStore: Send + Sync {
    /// The key of a subject; `None` if there never was one or it was destroyed.
    ///
    /// # Errors
    /// [`ReadError`] if the store can't be read.
    fn key(&self, subject: &str) -> Result<Option<PersonKey>, ReadError>;
    /// The key of a subject, made durable from `fresh` if there is none; refused for an erased subject.
    ///
    /// # Errors
    /// [`ReadError`] if the store can't be read or written, or the subject was erased.
    fn key_or(&self, subject: &str, fresh: PersonKey) -> Result<PersonKey, ReadError>;
    /// Destroys the key of a subject for ever, durably, and says whether there was one. Doing it twice changes nothing.
    ///
    /// # Errors
    /// [`ReadError`] if the store can't be written: then the key may still be there.
    fn erase(&self, subject: &str, at: Timestamp) -> Result<bool, ReadError>;
    /// Every subject that was ever erased.
    ///
    /// # Errors
    /// [`ReadError`] if the store can't be read.
    fn erased(&self) -> Result<Vec<String>, ReadError>;
}

/// Keeps snapshots of what the log comes to: a cache that can be thrown away.
pub trait Snapshots: Send + Sync {
    /// Sizes of the log for which there is one, rising.
    ///
    /// # Errors
    /// [`ReadError`] if it can't be told.
    fn kept(&self) -> Result<Vec<u64>, ReadError>;
    /// The one for this size.
    ///
    /// # Errors
    /// [`ReadError`] if there is none or it can't be read.
    fn read(&self, size: u64) -> Result<Vec<u8>, ReadError>;
    /// Keeps one for this size, in the place of any there is: whole, or not at all.
    ///
    /// # Errors
    /// [`ReadError`] if it can't be written.
    fn keep(&self, size: u64, snapshot: &[u8]) -> Result<(), ReadError>;
    /// Throws away the one for this size, if there is one.
    ///
    /// # Errors
    /// [`ReadError`] if it may still be there.
    fn remove(&self, size: u64) -> Result<(), ReadError>;
}

/// No snapshots are kept: every start reads the whole log.
#[derive(Debug, Clone, Copy)]
pub struct NoSnapshots;

impl Snapshots for NoSnapshots {
    fn kept(&self) -> Result<Vec<u64>, ReadError> {
        Ok(Vec::new())
    }

    fn read(&self, size: u64) -> Result<Vec<u8>, ReadError> {
        Err(ReadError {
            what: "a snapshot",
            source: format!("there is none of {size} entries").into(),
        })
    }

    fn keep(&self, _: u64, _: &[u8]) -> Result<(), ReadError> {
        Ok(())
    }

    fn remove(&self, _: u64) -> Result<(), ReadError> {
        Ok(())
    }
}

/// Follows the log: a projection that can be thrown away and rebuilt.
pub trait Projector: Send {
    /// How many entries it has followed.
    fn projected(&self) -> u64;
    /// Follows the next entries, in order.
    ///
    /// # Errors
    /// [`ReadError`] if the projection can't be written.
    fn project(&mut self, entries: &[crate::record::Recorded]) -> Result<(), ReadError>;
}

/// A credential to make or to take away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Under which grant, with its terms.
    pub terms: GrantTerms,
    /// Which credential; also the idempotency key at the target.
    pub credential: CredentialId,
    /// What it is.
    pub kind: CredentialKind,
    /// The platform's own names of the targets.
    pub natives: BTreeMap<TargetId, String>,
    /// First instant at which the grant is over.
    pub expires_at: Option<Timestamp>,
}

/// What a connector made.
pub struct Provisioned {
    /// First instant at which the target itself refuses it.
    pub expires_at: Timestamp,
    /// What the holder needs to use it; shown once, never recorded.
    pub secret: Option<OneTimeSecret>,
}

impl fmt::Debug for Provisioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provisioned")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Something that is shown once and then forgotten.
pub struct OneTimeSecret(pub zeroize::Zeroizing<String>);

impl fmt::Debug for OneTimeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeSecret")
    }
}

/// Why a connector could not do a job. The words are recorded: bounded, and without secrets.
#[derive(Debug, thiserror::Error)]
#[error("{because}")]
pub struct ConnectorError {
    /// In plain words.
    pub because: String,
}

/// Makes, renews and takes away credentials in one platform. Each is done twice without harm.
pub trait Connector: Send + Sync {
    /// Makes the credential, or finds it made.
    ///
    /// # Errors
    /// [`ConnectorError`] if it could not; it may still exist.
    fn provision<'a>(&'a self, job: &'a Job)
    -> Eventually<'a, Result<Provisioned, ConnectorError>>;
    /// Moves the target's own end of a credential to `job.expires_at`, after its grant was extended; the secret stays as it
    /// is. Yields the end that the target has now.
    ///
    /// # Errors
    /// [`ConnectorError`] if it could not; the earlier end stands.
    fn renew<'a>(&'a self, job: &'a Job) -> Eventually<'a, Result<Timestamp, ConnectorError>>;
    /// Takes the credential away, and reads the target back: the words say what the target showed.
    ///
    /// # Errors
    /// [`ConnectorError`] if it is, or may be, still there.
    fn remove<'a>(&'a self, job: &'a Job) -> Eventually<'a, Result<String, ConnectorError>>;
    /// What there is in the target that Remit made and that stays there by itself, by the target's own names.
    ///
    /// # Errors
    /// [`ConnectorError`] if the target could not be asked, or lets in what it should not.
    fn list(&self) -> Eventually<'_, Result<BTreeSet<String>, ConnectorError>>;
    /// Ends something that [`Self::list`] told of, and reads the target back; what isn't there is ended already.
    ///
    /// # Errors
    /// [`ConnectorError`] if it is, or may be, still there, or is no name that Remit gives.
    fn end<'a>(&'a self, name: &'a str) -> Eventually<'a, Result<String, ConnectorError>>;
}

/// A grant stopped or started being usable: enforcement points listen for this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantSignal {
    /// Which grant.
    pub grant: GrantId,
    /// Whether it may be used from now on.
    pub usable: bool,
}
