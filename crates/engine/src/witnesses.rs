//! How the log's witnesses stand, as this server knows it: who cosigned what and when, the newest checkpoint with enough cosignatures,
//! and when it is time for an alarm. In memory; pages and metrics read it, and whoever asks the witnesses writes it.
use domain::{
    time::{Seconds, Timestamp},
    witnessing::WitnessReport,
};
use ledger::{Checkpoint, Cosignature, Quorum, TreeHead, VerifierKey};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A witness's clock may differ from ours by this much.
const CLOCKS_DIFFER_S_MAX: i64 = 300;

/// The witnesses of the log.
#[derive(Debug)]
pub struct Witnesses {
    quorum: Quorum,
    alarm_after: Seconds,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    /// When a quorum cosigned last, or this server began to ask.
    witnessed_at: Timestamp,
    each: BTreeMap<String, Standing>,
    cosigned: Option<CosignedHead>,
    alarmed: bool,
}

/// How one witness stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Its newest cosignature since this server started.
    pub last: Option<LastWord>,
    /// Why its last answer was none, if so.
    pub trouble: Option<String>,
    /// Whether a contradiction is on record and it hasn't cosigned since.
    contradicted: bool,
}

/// A cosignature as far as people care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastWord {
    /// Entries of the head that it cosigned.
    pub size: u64,
    /// When it did, by our clock.
    pub at: Timestamp,
}

/// The newest head with enough cosignatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignedHead {
    /// Size and root.
    pub tree: TreeHead,
    /// The signed note with all its lines.
    pub note: String,
}

/// All of it, for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// How many witnesses must cosign.
    pub needed: usize,
    /// By name.
    pub each: BTreeMap<String, Standing>,
    /// Entries that enough of them have cosigned.
    pub cosigned: Option<u64>,
    /// Whether too few have for too long.
    pub alarmed: bool,
}

/// What one witness answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// It cosigned.
    Cosigned(Cosignature),
    /// It didn't, for this reason.
    None(String),
    /// It knows something of this log that the log doesn't continue.
    Contradicts(String),
}

impl Witnesses {
    /// Nobody has answered yet; `cosigned` is what an earlier process kept.
    ///
    /// # Errors
    /// [`ledger::CheckpointError`] if what was kept isn't signed by this log.
    pub fn new(
        quorum: Quorum,
        alarm_after: Seconds,
        cosigned: Option<(&VerifierKey, String)>,
        now: Timestamp,
    ) -> Result<Self, ledger::CheckpointError> {
        let cosigned = cosigned.map(|(key, note)| {
            let tree = key.open(&note)?.head();
            Ok(CosignedHead { tree, note })
        });
        let names = quorum.witnesses().iter();
        let each = names.map(|witness| (witness.name().to_string(), Standing::default()));
        Ok(Self {
            alarm_after,
            kept: Mutex::new(Kept {
                witnessed_at: now,
                each: each.collect(),
                cosigned: cosigned.transpose()?,
                alarmed: false,
            }),
            quorum,
        })
    }

    /// Which witnesses, and how many must cosign.
    pub const fn quorum(&self) -> &Quorum {
        &self.quorum
    }

    /// How long too few may answer before it is an alarm.
    pub const fn alarm_after(&self) -> Seconds {
        self.alarm_after
    }

    /// The newest head that enough witnesses cosigned.
    pub fn cosigned(&self) -> Option<CosignedHead> {
        self.lock().cosigned.clone()
    }

    /// How they all stand.
    pub fn overview(&self) -> Overview {
        let kept = self.lock();
        Overview {
            needed: self.quorum.needed(),
            each: kept.each.clone(),
            cosigned: kept.cosigned.as_ref().map(|cosigned| cosigned.tree.size),
            alarmed: kept.alarmed,
        }
    }

    /// Takes in what each witness answered about one checkpoint. Yields the note with their lines if they are enough: make it durable, then
    /// hand it to [`Self::keep`].
    pub fn hear(
        &self,
        checkpoint: &Checkpoint,
        note: &str,
        words: &BTreeMap<String, Word>,
        now: Timestamp,
    ) -> Option<CosignedHead> {
        let mut kept = self.lock();
        let mut lines = String::new();
        let mut count = 0;
        for (name, word) in words {
            let Some(standing) = kept.each.get_mut(name) else {
                continue;
            };
            match word {
                Word::Cosigned(cosignature) => {
                    if let Some(trouble) = clock_trouble(cosignature.time, now) {
                        standing.trouble = Some(trouble);
                        continue;
                    }
                    let (size, at) = (checkpoint.size, now);
                    *standing = Standing {
                        last: Some(LastWord { size, at }),
                        ..Standing::default()
                    };
                    lines.push_str(&cosignature.line);
                    lines.push('\n');
                    count += 1;
                }
                Word::None(why) | Word::Contradicts(why) => standing.trouble = Some(why.clone()),
            }
        }
        if count < self.quorum.needed() {
            return None;
        }
        kept.witnessed_at = now;
        let tree = checkpoint.head();
        let note = format!("{note}{lines}");
        Some(CosignedHead { tree, note })
    }

    /// Shows a cosigned head from now on; it is durable.
    pub fn keep(&self, cosigned: CosignedHead) {
        let mut kept = self.lock();
        let newer = kept
            .cosigned
            .as_ref()
            .is_none_or(|before| cosigned.tree.size >= before.tree.size);
        if newer {
            kept.cosigned = Some(cosigned);
        }
    }

    /// What is to be put on record, given what was heard; ask again until [`Self::recorded`].
    pub fn report(&self, words: &BTreeMap<String, Word>, now: Timestamp) -> Option<WitnessReport> {
        let kept = self.lock();
        for (name, word) in words {
            let known = kept
                .each
                .get(name)
                .is_none_or(|standing| standing.contradicted);
            if let (Word::Contradicts(found), false) = (word, known) {
                let (witness, found) = (name.clone(), found.clone());
                return Some(WitnessReport::Contradicted { witness, found });
            }
        }
        let overdue = now >= kept.witnessed_at.plus(self.alarm_after);
        if overdue == kept.alarmed {
            return None;
        }
        let answers = |standing: &Standing| {
            let last = standing.last.map(|last| last.at.plus(self.alarm_after));
            last.is_some_and(|until| now < until)
        };
        let silent = kept.each.iter().filter(|(_, standing)| !answers(standing));
        let silent: Vec<String> = silent.map(|(name, _)| name.clone()).collect();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let answering = number(kept.each.len().saturating_sub(silent.len()));
        let needed = number(self.quorum.needed());
        Some(if overdue {
            WitnessReport::TooFew {
                answering,
                needed,
                silent,
            }
        } else {
            WitnessReport::Enough { answering, needed }
        })
    }

    /// Notes that a report is on record.
    pub fn recorded(&self, report: &WitnessReport) {
        let mut kept = self.lock();
        match report {
            WitnessReport::TooFew { .. } => kept.alarmed = true,
            WitnessReport::Enough { .. } => kept.alarmed = false,
            WitnessReport::Contradicted { witness, .. } => {
                if let Some(standing) = kept.each.get_mut(witness) {
                    standing.contradicted = true;
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A witness that signs with a wrong date is no witness to when.
fn clock_trouble(time_s: u64, now: Timestamp) -> Option<String> {
    let signed = i64::try_from(time_s).unwrap_or(i64::MAX);
    let differ = signed.saturating_sub(now.0 / 1_000);
    (differ.abs() > CLOCKS_DIFFER_S_MAX).then(|| {
        format!(
            "its clock differs from this server's by {differ} seconds: set both by a time service"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::{Cosigner, Signer, Tree, WitnessKey};

    const MINUTE: i64 = 60_000;
    const NOW: i64 = 1_900_000_000_000;

    fn log() -> Signer {
        Signer::from_seed("example.com/remit".parse().unwrap(), &[1; 32])
    }

    fn key() -> VerifierKey {
        VerifierKey::parse(&log().vkey()).unwrap()
    }

    fn cosigner(n: u8) -> Cosigner {
        Cosigner::from_seed(format!("w{n}").parse().unwrap(), &[n; 32])
    }

    /// Two of three, and an alarm after five minutes.
    fn witnesses() -> Witnesses {
        let keys = (1..=3).map(|n| WitnessKey::parse(&cosigner(n).vkey()).unwrap());
        let quorum = Quorum::new(keys.collect(), 2).unwrap();
        Witnesses::new(quorum, Seconds::from_minutes(5), None, Timestamp(NOW)).unwrap()
    }

    fn head(size: u8) -> (Checkpoint, String) {
        let mut tree = Tree::new();
        for n in 0..size {
            tree.append(&[n]);
        }
        let note = log().sign(&tree.head());
        (key().open(&note).unwrap(), note)
    }

    /// One round at `minute`: these witnesses cosign a head of `size` entries, all others are silent.
    fn round(witnesses: &Witnesses, size: u8, signing: &[u8], minute: i64) -> String {
        let now = Timestamp(NOW + minute * MINUTE);
        let (checkpoint, note) = head(size);
        let time = now.0.unsigned_abs() / 1_000;
        let word = |n: u8| {
            if !signing.contains(&n) {
                return Word::None("connection refused".to_owned());
            }
            let line = cosigner(n).cosign(&checkpoint, time);
            let witness = WitnessKey::parse(&cosigner(n).vkey()).unwrap();
            Word::Cosigned(witness.check(&checkpoint, &line).unwrap().unwrap())
        };
        let words = (1..=3).map(|n| (format!("w{n}"), word(n))).collect();
        if let Some(cosigned) = witnesses.hear(&checkpoint, &note, &words, now) {
            let opened = key().open(&cosigned.note).unwrap();
            assert!(witnesses.quorum().check(&opened).is_ok());
            witnesses.keep(cosigned);
        }
        tell(witnesses, &words, now)
    }

    fn tell(witnesses: &Witnesses, words: &BTreeMap<String, Word>, now: Timestamp) -> String {
        let report = witnesses.report(words, now);
        if let Some(report) = &report {
            witnesses.recorded(report);
        }
        let size = witnesses
            .cosigned()
            .map_or(0, |cosigned| cosigned.tree.size);
        match report {
            None => format!("{size}"),
            Some(WitnessReport::TooFew {
                answering, silent, ..
            }) => format!("{size}, alarm: {answering} answer, silent {silent:?}"),
            Some(WitnessReport::Enough { answering, .. }) => format!("{size}, back: {answering}"),
            Some(WitnessReport::Contradicted { witness, found }) => {
                format!("{size}, {witness}: {found}")
            }
        }
    }

    #[test]
    fn one_of_three_may_be_away_and_two_are_an_alarm_until_they_are_back() {
        let witnesses = witnesses();
        assert_eq!(round(&witnesses, 3, &[1, 2, 3], 0), "3");
        assert_eq!(round(&witnesses, 4, &[1, 3], 1), "4");
        assert_eq!(round(&witnesses, 5, &[3], 2), "4");
        assert_eq!(round(&witnesses, 6, &[3], 5), "4");
        assert_eq!(
            round(&witnesses, 7, &[3], 6),
            "4, alarm: 1 answer, silent [\"w1\", \"w2\"]"
        );
        assert_eq!(round(&witnesses, 7, &[3], 7), "4", "told once");
        assert!(witnesses.overview().alarmed);
        assert_eq!(round(&witnesses, 8, &[2, 3], 8), "8, back: 2");
        assert_eq!(round(&witnesses, 8, &[1, 2, 3], 9), "8");
        assert!(!witnesses.overview().alarmed);
    }

    #[test]
    fn witnesses_that_never_answer_are_an_alarm_too() {
        let witnesses = witnesses();
        assert_eq!(round(&witnesses, 3, &[], 4), "0");
        assert_eq!(
            round(&witnesses, 3, &[], 5),
            "0, alarm: 0 answer, silent [\"w1\", \"w2\", \"w3\"]"
        );
    }

    #[test]
    fn a_contradiction_is_told_once_until_that_witness_cosigns_again() {
        let witnesses = witnesses();
        let now = Timestamp(NOW);
        let (checkpoint, note) = head(3);
        let found = "it cosigned 9 entries".to_owned();
        let words = BTreeMap::from([("w1".to_owned(), Word::Contradicts(found))]);
        assert_eq!(witnesses.hear(&checkpoint, &note, &words, now), None);
        assert_eq!(
            tell(&witnesses, &words, now),
            "0, w1: it cosigned 9 entries"
        );
        assert_eq!(tell(&witnesses, &words, now), "0");
        assert_eq!(round(&witnesses, 3, &[1, 2], 1), "3");
        assert_eq!(
            tell(&witnesses, &words, now),
            "3, w1: it cosigned 9 entries"
        );
    }

    #[test]
    fn a_witness_with_a_wrong_date_does_not_count() {
        let witnesses = witnesses();
        let (checkpoint, note) = head(3);
        let late = NOW.unsigned_abs() / 1_000 - 301;
        let words = (1..=2).map(|n| {
            let line = cosigner(n).cosign(&checkpoint, late);
            let witness = WitnessKey::parse(&cosigner(n).vkey()).unwrap();
            let word = Word::Cosigned(witness.check(&checkpoint, &line).unwrap().unwrap());
            (format!("w{n}"), word)
        });
        let words = words.collect();
        assert_eq!(
            witnesses.hear(&checkpoint, &note, &words, Timestamp(NOW)),
            None
        );
        let overview = witnesses.overview();
        assert_eq!(
            overview.each["w1"].trouble.as_deref(),
            Some(
                "its clock differs from this server's by -301 seconds: set both by a time service"
            )
        );
    }

    #[test]
    fn what_was_kept_by_an_earlier_process_is_shown_and_never_goes_back() {
        let (_, note) = head(9);
        let quorum = witnesses().quorum().clone();
        let kept = Some((&key(), note));
        let after = Seconds::from_minutes(5);
        let witnesses = Witnesses::new(quorum.clone(), after, kept, Timestamp(NOW)).unwrap();
        assert_eq!(witnesses.overview().cosigned, Some(9));
        assert_eq!(round(&witnesses, 8, &[1, 2], 0), "9");
        let foreign = Some((&key(), "example.com/remit\n".to_owned()));
        assert!(Witnesses::new(quorum, after, foreign, Timestamp(NOW)).is_err());
    }
}
