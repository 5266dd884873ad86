//! What comes back to those who sent a command, held against what lies on the disk.
use super::sim::{Heard, Sending, Sim};
use engine::{Answer, Failed, chain, record::Outcome};
use ledger::digest::Digest;

impl Sim {
    /// An answer came; sometimes it gets lost on its last way.
    pub(super) fn heard(&mut self, heard: Heard) -> Result<(), String> {
        let Heard { of, after, result } = heard;
        let lost = self.dice.chance(30);
        self.tell(|| {
            let lost = if lost { ", and it gets lost" } else { "" };
            match &result {
                Ok(Answer::Done { entry, .. }) => format!("#{of} was done in entry {entry}{lost}"),
                Ok(Answer::Refused { entry, .. }) => {
                    format!("#{of} was refused in entry {entry}{lost}")
                }
                Err(failed) => format!("#{of} failed: {}{lost}", chain(failed)),
            }
        });
        let Some(sent) = self.sent.get_mut(of) else {
            return Ok(());
        };
        match result {
            _ if lost => {
                sent.state = Sending::Unknown;
                sent.doubtful = true;
            }
            Err(Failed::Unknown | Failed::Stopped) => {
                sent.state = Sending::Unknown;
                sent.doubtful = true;
            }
            Err(failed) => {
                sent.state = Sending::Over;
                let (principal, key) = (&sent.key.principal, &sent.key.key);
                let never = !sent.doubtful && sent.answer.is_none();
                if never && self.disk.has_answer(principal, key) {
                    return Err(format!("#{of} is on record, and its answer was: {failed}"));
                }
            }
            Ok(answer) => {
                sent.state = Sending::Over;
                self.lived.answers += 1;
                return self.promised(of, after, &answer);
            }
        }
        Ok(())
    }

    /// What was told must be what lies on the disk, once, and after all that was told before it was sent.
    fn promised(&mut self, of: usize, after: u64, answer: &Answer) -> Result<(), String> {
        let (entry, repeated) = match answer {
            Answer::Done {
                entry, repeated, ..
            }
            | Answer::Refused {
                entry, repeated, ..
            } => (*entry, *repeated),
        };
        let Some(leaf) = self.disk.leaf(entry) else {
            return Err(format!(
                "#{of} was told of entry {entry}, which isn't there"
            ));
        };
        let recorded = usize::try_from(entry)
            .ok()
            .and_then(|entry| self.decoded.get(entry))
            .ok_or("it isn't known")?;
        let same = match (answer, &recorded.record.outcome) {
            (Answer::Done { events, at, .. }, Outcome::Done(found)) => {
                events == found && *at == recorded.at
            }
            (Answer::Refused { refused, .. }, Outcome::Refused(found)) => refused == found,
            (Answer::Done { .. }, Outcome::Refused(_))
            | (Answer::Refused { .. }, Outcome::Done(_)) => false,
        };
        let sent = self.sent.get_mut(of).ok_or("nobody sent it")?;
        if !same || recorded.record.command != sent.given.command {
            return Err(format!(
                "#{of} was told something else than entry {entry} says"
            ));
        }
        if sent.answer.is_some_and(|earlier| earlier != entry) {
            return Err(format!(
                "#{of} was done twice: {:?} and {entry}",
                sent.answer
            ));
        }
        if !repeated && entry < after {
            return Err(format!("#{of} was decided before what it came after"));
        }
        if repeated && !sent.doubtful && sent.answer.is_none() {
            return Err(format!(
                "#{of} was sent once and is told that it was repeated"
            ));
        }
        sent.answer = Some(entry);
        self.told.insert(entry, Digest::of(&leaf));
        Ok(())
    }

    /// Every entry that somebody was told of is there, with the same bytes.
    pub(super) fn kept(&self) -> Result<(), String> {
        for (entry, digest) in &self.told {
            match self.disk.leaf(*entry) {
                Some(leaf) if Digest::of(&leaf) == *digest => {}
                Some(_) => return Err(format!("entry {entry} was told of and is another now")),
                None => return Err(format!("entry {entry} was told of and is lost")),
            }
        }
        Ok(())
    }
}
