//! Replay finds every forged decision, and nothing in an honest log.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that can't go on panics: that is how it reports"
)]
use engine::{
    record::{Outcome, Recorded},
    replay::{Divergence, ReplayError, Replayed, Replayer, replay},
};
use ledger::{digest::Digest, leaf::Leaf};
use serde_json::{Value, json};
use std::{collections::BTreeMap, convert::Infallible};
use testkit::{Stored, World, tell};

/// A log with every kind of entry in it.
async fn story() -> (Stored, domain::state::State) {
    let world = World::start().await;
    tell(&world).await;
    (world.ports.log.stored(), world.state())
}

fn leaves(stored: &Stored) -> Vec<Leaf> {
    stored
        .leaves
        .iter()
        .map(|bytes| Leaf::decode(bytes).unwrap())
        .collect()
}

fn replayed(stored: &Stored, leaves: &[Leaf]) -> Result<Replayed, ReplayError<Infallible>> {
    let entries = (0..).zip(leaves.iter().cloned()).map(Ok);
    let blob = |digest: &Digest| stored.blobs.get(digest).cloned();
    replay(entries, blob, "test", |_| ())
}

fn diverged(stored: &Stored, leaves: &[Leaf]) -> Divergence {
    match replayed(stored, leaves) {
        Err(ReplayError::Diverged(divergence)) => divergence,
        other => panic!("no divergence: {other:?}"),
    }
}

fn first(leaves: &[Leaf], kind: &str) -> usize {
    leaves
        .iter()
        .position(|leaf| leaf.kind == kind && leaf.record["outcome"].get("done").is_some())
        .unwrap_or_else(|| panic!("the story has no `{kind}` that was done"))
}

const KINDS: [&str; 36] = [
    "adopt-genesis",
    "propose-bundle",
    "confirm-bundle",
    "change-directory",
    "submit-request",
    "edit-request",
    "withdraw-request",
    "approve-request",
    "deny-request",
    "ask-requester",
    "answer-approvers",
    "escalate-request",
    "expire-request",
    "activate-grant",
    "expire-grant",
    "return-grant",
    "revoke-grant",
    "hold-grant",
    "resume-grant",
    "contain-grant",
    "issue-credential",
    "record-provisioned",
    "record-provision-failed",
    "record-removed",
    "record-removal-failed",
    "begin-use",
    "finish-use",
    "finish-uses",
    "record-activity",
    "escalate-review",
    "report-witnesses",
    "review-grant",
    "erase-person",
    "record-erased",
    "place-legal-hold",
    "lift-legal-hold",
];

#[tokio::test]
async fn an_honest_log_comes_out_the_same_to_the_last_decision() {
    let (stored, state) = story().await;
    let leaves = leaves(&stored);
    for kind in KINDS {
        first(&leaves, kind);
    }
    let replayed = replayed(&stored, &leaves).unwrap();
    assert_eq!(replayed.entries, leaves.len() as u64);
    assert_eq!(replayed.done + replayed.refused, replayed.entries);
    assert!(replayed.refused >= 5);
    assert_eq!(
        replayed.engines,
        BTreeMap::from([("test".to_owned(), replayed.entries)])
    );
    assert_eq!(replayed.state, state);
}

/// Every way to change one scalar below `value`, as the path to it and the changed whole.
fn changes(value: &Value) -> Vec<(String, Value)> {
    fn walk(at: &str, value: &Value, out: &mut Vec<(String, Value)>) {
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    walk(&format!("{at}/{name}"), value, out);
                }
            }
            Value::Array(items) => {
                for (n, value) in items.iter().enumerate() {
                    walk(&format!("{at}/{n}"), value, out);
                }
            }
            Value::Null => out.push((at.to_owned(), json!("ada"))),
            Value::Bool(truth) => out.push((at.to_owned(), json!(!truth))),
            Value::Number(number) => out.push((at.to_owned(), json!(number.as_i64().unwrap() + 1))),
            Value::String(text) => {
                // another text of the same form: a digit or a letter of it is another one
                let forged: String = text
                    .chars()
                    .enumerate()
                    .map(|(n, c)| match (n, c) {
                        (0, '0'..='8' | 'a'..='e') => char::from_u32(c as u32 + 1).unwrap(),
                        (0, _) => 'b',
                        (_, c) => c,
                    })
                    .collect();
                out.push((at.to_owned(), json!(forged)));
            }
        }
    }
    let mut out = Vec::new();
    walk("", value, &mut out);
    out.into_iter()
        .map(|(path, forged)| {
            let mut whole = value.clone();
            *whole.pointer_mut(&path).unwrap() = forged;
            (path, whole)
        })
        .collect()
}

/// The leaf with one thing that its decision brought about changed, in every possible way.
fn forgeries(leaf: &Leaf) -> Vec<(String, Leaf)> {
    let mut forged = Vec::new();
    for part in ["person", "verdict", "outcome"] {
        for (path, value) in changes(&leaf.record[part]) {
            let mut leaf = leaf.clone();
            leaf.record[part] = value;
            forged.push((format!("{part}{path}"), leaf));
        }
    }
    let mut with = |what: &str, change: fn(&mut Leaf)| {
        let mut leaf = leaf.clone();
        change(&mut leaf);
        forged.push((what.to_owned(), leaf));
    };
    with("kind", |leaf| leaf.kind = String::from("expire-everything"));
    with("stream", |leaf| leaf.stream.push('x'));
    with("at", |leaf| leaf.at = 1);
    with("bundle", |leaf| {
        leaf.bundle = Some(Digest::of(b"another bundle"));
    });
    with("no events", |leaf| {
        leaf.record["outcome"] = json!({"done": []});
    });
    with("refused", |leaf| {
        leaf.record["outcome"] =
            json!({"refused": {"rule": "policy", "message": "", "why": "", "fix": []}});
    });
    with("unasked", |leaf| {
        let allow = json!({"outcome": "allow", "policies": ["all.allow"], "errors": []});
        leaf.record["verdict"] = allow;
    });
    forged
}

#[tokio::test]
async fn one_changed_word_in_any_kind_of_decision_is_named() {
    let (stored, _) = story().await;
    let leaves = leaves(&stored);
    let places: BTreeMap<usize, &str> = KINDS.map(|kind| (first(&leaves, kind), kind)).into();
    let blob = |digest: &Digest| stored.blobs.get(digest).cloned();
    let mut replayer = Replayer::new(&blob, "test");
    let mut tried = 0;
    for (n, leaf) in leaves.iter().enumerate() {
        if places.contains_key(&n) {
            for (what, forged) in forgeries(leaf) {
                let missed = format!("entry {n} ({}): a forged `{what}` was not found", leaf.kind);
                let found = replayer.clone().next(n as u64, forged);
                // the first entry has no earlier one to be before, and no bundle before it
                if n > 0 || what != "at" {
                    assert_eq!(found.expect_err(&missed).entry, n as u64, "{missed}");
                    tried += 1;
                }
            }
        }
        replayer.next(n as u64, leaf.clone()).unwrap();
    }
    assert!(tried > 500, "only {tried} forgeries were tried");
}

#[tokio::test]
async fn a_refusal_that_was_turned_into_a_yes_is_named() {
    let (stored, _) = story().await;
    let honest = leaves(&stored);
    let refused: Vec<usize> = honest
        .iter()
        .enumerate()
        .filter(|(_, leaf)| leaf.record["outcome"].get("refused").is_some())
        .map(|(n, _)| n)
        .collect();
    let done = honest[first(&honest, "approve-request")].record["outcome"].clone();
    assert!(refused.len() >= 5);
    for n in refused {
        let mut forged = honest.clone();
        forged[n].record["outcome"] = done.clone();
        let divergence = diverged(&stored, &forged);
        assert_eq!(
            (divergence.entry, divergence.what.as_str()),
            (n as u64, "outcome")
        );
    }
}

#[tokio::test]
async fn a_consent_by_the_requester_is_named_in_words() {
    let (stored, _) = story().await;
    let mut forged = leaves(&stored);
    let n = forged
        .iter()
        .position(|leaf| {
            leaf.kind == "approve-request" && leaf.record["outcome"].get("refused").is_some()
        })
        .unwrap();
    let Recorded { record, .. } = Recorded::from_leaf(n as u64, forged[n].clone()).unwrap();
    let Outcome::Refused(refused) = record.outcome else {
        panic!("it was refused")
    };
    assert_eq!(
        refused.message,
        "`ada` filed this request and cannot approve it"
    );
    forged[n].record["outcome"]["refused"]["message"] = json!("the desk was empty");
    assert_eq!(
        diverged(&stored, &forged).to_string(),
        format!(
            "entry `{n}` (written by engine `test`) differs in `outcome.refused.message`: expected \"`ada` filed this request and \
             cannot approve it\", found \"the desk was empty\""
        )
    );
}

#[tokio::test]
async fn entries_that_are_left_out_swapped_or_repeated_are_named() {
    let (stored, _) = story().await;
    let honest = leaves(&stored);
    let n = first(&honest, "approve-request");
    let mut swapped = honest.clone();
    swapped.swap(n, n + 1);
    assert_eq!(diverged(&stored, &swapped).entry, n as u64);
    let mut repeated = honest.clone();
    repeated.insert(n + 1, honest[n].clone());
    assert_eq!(diverged(&stored, &repeated).entry, n as u64 + 1);
    let mut left_out = honest.clone();
    left_out.remove(n - 1);
    assert_eq!(
        diverged(&stored, &left_out).entry,
        n as u64 - 1 + u64::from(honest[n - 1].kind != "submit-request")
    );
}

#[tokio::test]
async fn a_bundle_whose_bytes_are_missing_or_others_is_named() {
    let (stored, _) = story().await;
    let honest = leaves(&stored);
    let n = first(&honest, "propose-bundle");
    let mut without = stored.clone();
    without
        .blobs
        .retain(|digest, _| honest[n].record["blobs"] != json!([digest.to_string()]));
    let divergence = diverged(&without, &honest);
    assert_eq!(
        (divergence.entry, divergence.what.as_str()),
        (n as u64, "blobs")
    );
    let mut other = stored.clone();
    for blob in other.blobs.values_mut() {
        *blob = b"another bundle".to_vec();
    }
    assert_eq!(diverged(&other, &honest).entry, 0);
}

#[tokio::test]
async fn words_of_refusals_may_change_between_versions_and_rules_may_not() {
    let (stored, _) = story().await;
    let mut reworded = leaves(&stored);
    let n = reworded
        .iter()
        .position(|leaf| leaf.record["outcome"].get("refused").is_some())
        .unwrap();
    for leaf in &mut reworded {
        leaf.engine = "an older one".to_owned();
    }
    reworded[n].record["outcome"]["refused"]["message"] = json!("other words");
    assert_eq!(
        replayed(&stored, &reworded)
            .unwrap()
            .engines
            .keys()
            .collect::<Vec<_>>(),
        ["an older one"]
    );
    reworded[n].record["outcome"]["refused"]["rule"] = json!("another-rule");
    let divergence = diverged(&stored, &reworded);
    assert_eq!(
        (
            divergence.entry,
            divergence.engine.as_str(),
            divergence.what.as_str()
        ),
        (n as u64, "an older one", "outcome.refused.rule")
    );
}
