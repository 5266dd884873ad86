//! The one way from a form or a JSON body to the engine, and from its answer to the user's words.
use crate::{
    app::Portal,
    trouble::{Failure, Refusal, Trouble},
};
use domain::{
    actor::Actor,
    command::{Command, Given},
    event::Event,
    ids::PersonId,
    text::Text,
    time::Timestamp,
};
use engine::{Answer, Failed, IdempotencyKey, Submission, chain};
use ledger::{Digest, SealedBody};
use std::collections::BTreeMap;

/// Longest comment, question or answer in a conversation.
pub(crate) const COMMENT_CHARS_MAX: u32 = 2_000;
/// Longest answer to a template's question that is looked at; the question's own limit is a rule.
pub(crate) const ANSWER_CHARS_MAX: u32 = 8_000;
/// Longest idempotency key.
pub(crate) const KEY_CHARS_MAX: usize = 128;

/// A command that was carried out.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) entry: u64,
    pub(crate) at: Timestamp,
    pub(crate) events: Vec<Event>,
    pub(crate) repeated: bool,
}

/// A command on its way.
pub(crate) struct Wish {
    pub(crate) actor: Actor,
    pub(crate) command: Command,
    pub(crate) bodies: Vec<SealedBody>,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) blobs: Vec<Vec<u8>>,
}

impl Wish {
    /// A command without free text.
    pub(crate) fn plain(actor: Actor, command: Command, key: Option<IdempotencyKey>) -> Self {
        Self {
            actor,
            command,
            bodies: Vec::new(),
            key,
            blobs: Vec::new(),
        }
    }
}

/// Carries a command out, and waits until the pages show it.
pub(crate) async fn submit(portal: &Portal, wish: Wish) -> Result<Done, Trouble> {
    let submission = Submission {
        given: Given {
            actor: wish.actor,
            command: wish.command,
        },
        bodies: wish.bodies,
        idempotency: wish.key,
        blobs: wish.blobs,
    };
    match portal.app.engine.submit(submission).await {
        Ok(Answer::Done {
            entry,
            at,
            events,
            repeated,
        }) => {
            portal.app.engine.settled(entry).await;
            Ok(Done {
                entry,
                at,
                events,
                repeated,
            })
        }
        Ok(Answer::Refused { entry, refused, .. }) => Err(Trouble::Refused(Box::new(Refusal {
            entry: Some(entry),
            rule: refused.rule,
            message: refused.message,
            why: refused.why,
            fix: refused.fix,
        }))),
        Err(failed) => Err(failure(portal, &failed)),
    }
}

fn failure(portal: &Portal, failed: &Failed) -> Trouble {
    let what = match failed {
        Failed::KeyReused => return Trouble::KeyReused,
        Failed::Bundle(_) | Failed::Unrecordable(_) | Failed::Forgotten { .. } => {
            return Trouble::Unusable {
                message: chain(failed),
            };
        }
        Failed::Stopped => Failure::Stopping,
        Failed::ClockDoubtful { .. } => Failure::ClockDoubtful,
        Failed::Unknown => Failure::Unknown,
        Failed::Full => Failure::Full,
        Failed::Read(_) | Failed::Entry(_) | Failed::Body(_) | Failed::Sealed(_) => {
            Failure::Unreadable
        }
    };
    let reference = portal.reference();
    tracing::error!(reference, error = %chain(failed), "a command was not answered");
    Trouble::Failed { reference, what }
}

/// Seals one text of `author`; one without words says nothing and is not taken.
pub(crate) fn seal(
    portal: &Portal,
    author: &PersonId,
    raw: &str,
) -> Result<(Text, Vec<SealedBody>), Trouble> {
    let mut writer = portal.app.engine.body_writer(author.as_str());
    let text = writer
        .write(raw, COMMENT_CHARS_MAX)
        .map_err(|error| Trouble::Unusable {
            message: chain(&error),
        })?;
    if text.chars == 0 {
        return Err(Trouble::Unusable {
            message: "nothing was written".to_owned(),
        });
    }
    Ok((text, writer.finish()))
}

/// The idempotency key of what was sent: the same key with other content is told apart.
pub(crate) fn key(
    principal: &str,
    key: &str,
    content: &[&[u8]],
) -> Result<IdempotencyKey, Trouble> {
    let legal = |c: char| c.is_ascii_graphic();
    if key.is_empty() || key.len() > KEY_CHARS_MAX || !key.chars().all(legal) {
        return Err(Trouble::Unreadable {
            message: format!(
                "an idempotency key has 1 to {KEY_CHARS_MAX} visible ASCII characters"
            ),
        });
    }
    let mut all = Vec::new();
    for part in content {
        all.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        all.extend(*part);
    }
    Ok(IdempotencyKey {
        principal: principal.to_owned(),
        key: key.to_owned(),
        fingerprint: Digest::of(&all),
    })
}

/// Seals several texts of `author`, each under its name. Empty ones are left out: nothing was said.
pub(crate) fn seal_all<K: Ord + Clone>(
    portal: &Portal,
    author: &PersonId,
    raw: &BTreeMap<K, String>,
    chars_max: u32,
) -> Result<(BTreeMap<K, Text>, Vec<SealedBody>), Trouble> {
    let mut writer = portal.app.engine.body_writer(author.as_str());
    let mut texts = BTreeMap::new();
    for (name, words) in raw {
        if words.trim().is_empty() {
            continue;
        }
        let text = writer
            .write(words, chars_max)
            .map_err(|error| Trouble::Unusable {
                message: chain(&error),
            })?;
        texts.insert(name.clone(), text);
    }
    Ok((texts, writer.finish()))
}
