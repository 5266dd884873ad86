//! What is refused with which status, and that no two heads that a witness cosigns ever contradict each other.

use proptest::prelude::*;

use super::*;
use crate::checkpoint::Signer;
use crate::cosignature::Cosigner;
use crate::tree::prove_consistency;

fn signer(seed: u8) -> Signer {
    Signer::from_seed("example.com/remit".parse().unwrap(), &[seed; 32])
}

fn key() -> VerifierKey {
    VerifierKey::parse(&signer(1).vkey()).unwrap()
}

/// A log that shares its first `fork` entries with every other branch.
#[derive(Debug, Clone)]
struct Branch {
    heads: Vec<TreeHead>,
    stored: Vec<Digest>,
}

impl Branch {
    fn new(name: u8, fork: usize, size: usize) -> Self {
        let mut tree = Tree::new();
        let (mut heads, mut stored) = (vec![tree.head()], Vec::new());
        for n in 0..size {
            let shared = if n < fork { 0 } else { name };
            let entry = format!("{shared}/{n}");
            stored.extend(tree.append(entry.as_bytes()).iter().map(|one| one.hash));
            heads.push(tree.head());
        }
        Self { heads, stored }
    }

    fn request(&self, old: usize, size: usize) -> AddCheckpoint {
        let proof = prove_consistency(&self.stored, old as u64, size as u64);
        AddCheckpoint {
            old: old as u64,
            proof: proof.unwrap_or_default(),
            checkpoint: signer(1).sign(&self.heads[size]),
        }
    }
}

#[track_caller]
fn refused(known: Option<&TreeHead>, request: &AddCheckpoint, status: u16, expected: &str) {
    let refusal = judge(known, &key(), request).unwrap_err();
    assert_eq!(
        (refusal.status(), refusal.to_string().as_str()),
        (status, expected)
    );
}

#[test]
fn a_request_is_read_as_it_was_written() {
    let request = Branch::new(1, 0, 9).request(5, 9);
    assert!(!request.proof.is_empty());
    assert_eq!(AddCheckpoint::parse(&request.to_text()), Ok(request));
}

#[test]
fn the_example_of_the_specification_is_read() {
    let text = "old 20852014\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\njrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\nexample.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
    let request = AddCheckpoint::parse(text).unwrap();
    assert_eq!(
        (request.old, request.proof.len(), request.origin()),
        (20_852_014, 4, "example.com/behind-the-sofa")
    );
    assert_eq!(request.to_text(), text);
}

#[test]
fn a_request_without_form_is_refused_by_its_line() {
    let check = |text: &str, expected: &str| {
        assert_eq!(
            AddCheckpoint::parse(text).unwrap_err().to_string(),
            expected
        );
    };
    check(
        "",
        "line 1 should be followed by hashes, an empty line and a checkpoint",
    );
    check(
        "old 01\n\nx\n",
        "line 1 should be `old` and the size of the tree before",
    );
    check(
        "old -1\n\nx\n",
        "line 1 should be `old` and the size of the tree before",
    );
    check(
        "old 1\nAAAA\n\nx\n",
        "line 2 should be a hash in base64, or empty",
    );
    let hash = BASE64_STANDARD.encode([7; 32]);
    let long = format!("old 1\n{}\nx\n", format!("{hash}\n").repeat(64));
    check(
        &long,
        "line 65 should be an empty line: no proof is so long",
    );
}

#[test]
fn each_refusal_has_the_status_of_the_protocol() {
    let (log, fork) = (Branch::new(1, 3, 9), Branch::new(2, 3, 9));
    let known = Some(&log.heads[5]);
    let good = log.request(5, 9);
    assert_eq!(judge(known, &key(), &good).unwrap().checkpoint.size, 9);
    let with = |change: &dyn Fn(&mut AddCheckpoint)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    refused(
        known,
        &with(&|request| request.checkpoint = "example.com/remit\n".to_owned()),
        400,
        "the checkpoint can't be read",
    );
    refused(
        known,
        &with(&|request| request.old = 10),
        400,
        "the old size is 10, and the checkpoint has only 9 entries",
    );
    refused(
        known,
        &with(&|request| request.checkpoint = signer(2).sign(&log.heads[9])),
        403,
        "the checkpoint is not signed with the log's key",
    );
    refused(
        known,
        &with(&|request| request.checkpoint = request.checkpoint.replace("\n9\n", "\n8\n")),
        403,
        "the checkpoint is not signed with the log's key",
    );
    refused(
        known,
        &log.request(0, 9),
        409,
        "the head cosigned last has 5 entries, and the request starts from 0",
    );
    let not_proved = "the checkpoint is not proved to continue the head of 5 entries cosigned last";
    refused(
        known,
        &with(&|request| request.proof.clear()),
        422,
        not_proved,
    );
    refused(known, &fork.request(5, 9), 422, not_proved);
    refused(known, &fork.request(5, 5), 422, not_proved);
    refused(
        None,
        &with(&|request| request.old = 0),
        422,
        "the checkpoint is not proved to continue the head of 0 entries cosigned last",
    );
    let mut forged = log.heads[0];
    forged.root = log.heads[1].root;
    let empty = AddCheckpoint {
        old: 0,
        proof: Vec::new(),
        checkpoint: signer(1).sign(&forged),
    };
    assert_eq!(judge(None, &key(), &empty).unwrap_err().status(), 422);
}

#[test]
fn a_log_that_is_not_watched_is_refused_before_anything_of_it_is_read() {
    let good = Branch::new(1, 3, 9).request(5, 9);
    let logs = WatchedLogs::new(vec![key()]).unwrap();
    assert!(logs.key(&good).is_ok());
    let mut stranger = good;
    stranger.checkpoint = stranger
        .checkpoint
        .replace("example.com/remit\n", "example.com/x\n");
    let refusal = logs.key(&stranger).unwrap_err();
    assert_eq!(
        (refusal.status(), refusal.to_string().as_str()),
        (404, "this witness does not watch the log `example.com/x`")
    );
    assert_eq!(
        WatchedLogs::new(vec![key(), key()])
            .unwrap_err()
            .to_string(),
        "the log `example.com/remit` is named twice: a witness keeps one key for each log"
    );
}

#[test]
fn the_head_it_knows_is_cosigned_again() {
    let log = Branch::new(1, 0, 5);
    assert!(judge(Some(&log.heads[5]), &key(), &log.request(5, 5)).is_ok());
    assert!(judge(None, &key(), &log.request(0, 0)).is_ok());
}

#[test]
fn what_a_witness_keeps_is_signed_by_the_log_and_by_itself_alone() {
    let log = Branch::new(1, 0, 5);
    let witness = Cosigner::from_seed("witness.example/w1".parse().unwrap(), &[9; 32]);
    let stranger = Cosigner::from_seed("witness.example/w2".parse().unwrap(), &[8; 32]);
    let mut request = log.request(0, 5);
    let opened = key().open(&request.checkpoint).unwrap();
    // a stranger's line, before and after the log's own
    let line = stranger.cosign(&opened, 5);
    let own = request.checkpoint.lines().last().unwrap().to_owned();
    request.checkpoint = format!("{}\n{line}\n{own}\n{line}\n", opened.text());
    let cosigned = judge(None, &key(), &request).unwrap().cosign(&witness, 77);
    let trusted = WitnessKey::parse(&witness.vkey()).unwrap();
    let answer = read_answer(&format!("{line}\n{}\n", cosigned.line), &trusted, &opened).unwrap();
    assert_eq!(answer.time, 77);
    let kept = key().open(&cosigned.note).unwrap();
    assert_eq!(kept.cosignatures, [cosigned.line]);
    let error = read_answer(&line, &trusted, &opened).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the answer holds no cosignature by `witness.example/w1`: is its key the one that is configured?"
    );
}

#[test]
fn the_size_in_a_conflict_is_read_strictly() {
    assert_eq!(read_size("20852163\n"), Some(20_852_163));
    for text in ["7", "07\n", "+7\n", "-7\n", "7\n\n", "\n", ""] {
        assert_eq!(read_size(text), None, "{text:?}");
    }
}

/// One thing that happens to a witness.
#[derive(Debug, Clone)]
struct Step {
    branch: usize,
    old: usize,
    size: usize,
    /// Starts from the size that the witness knows, as an honest client does after a conflict.
    follow: bool,
    spoil: Spoil,
    /// The witness is killed after the state was stored and before the answer left.
    killed: bool,
}

#[derive(Debug, Clone, Copy)]
enum Spoil {
    Nothing,
    DropHash,
    AddHash,
    FlipBit(usize),
    ProofOfTheOther,
    OtherKey,
    Replay(usize),
}

const SIZE: usize = 24;

fn step() -> impl Strategy<Value = Step> {
    let spoil = prop_oneof![
        6 => Just(Spoil::Nothing),
        1 => Just(Spoil::DropHash),
        1 => Just(Spoil::AddHash),
        1 => (0_usize..256).prop_map(Spoil::FlipBit),
        1 => Just(Spoil::ProofOfTheOther),
        1 => Just(Spoil::OtherKey),
        1 => (0_usize..40).prop_map(Spoil::Replay),
    ];
    let sizes = (0..=SIZE, 0..=SIZE);
    (0_usize..3, sizes, any::<bool>(), spoil, any::<bool>()).prop_map(
        |(branch, (old, size), follow, spoil, killed)| Step {
            branch,
            old,
            size,
            follow,
            spoil,
            killed,
        },
    )
}

fn request_of(
    step: &Step,
    branches: &[Branch],
    known: usize,
    sent: &[AddCheckpoint],
) -> AddCheckpoint {
    let old = if step.follow { known } else { step.old };
    let branch = &branches[step.branch];
    let mut request = branch.request(old, step.size);
    match step.spoil {
        Spoil::Nothing => {}
        Spoil::DropHash => drop(request.proof.pop()),
        Spoil::AddHash => request.proof.push(Digest::of(b"more")),
        Spoil::FlipBit(bit) => {
            if let Some(hash) = request.proof.first_mut() {
                let mut bytes = *hash.as_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                *hash = Digest::from_bytes(bytes);
            }
        }
        Spoil::ProofOfTheOther => {
            let other = &branches[(step.branch + 1) % branches.len()];
            request.proof = other.request(old, step.size).proof;
        }
        Spoil::OtherKey => request.checkpoint = signer(2).sign(&branch.heads[step.size]),
        Spoil::Replay(n) => {
            if let Some(earlier) = sent.get(n) {
                request = earlier.clone();
            }
        }
    }
    request
}

proptest! {
    /// Whatever is sent in whatever order, all heads that leave a witness lie on one branch, and never go back.
    #[test]
    fn a_witness_never_cosigns_two_heads_that_contradict_each_other(
        forks in proptest::array::uniform3(0..=SIZE),
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let branches: Vec<Branch> = (1..).zip(forks).map(|(name, fork)| Branch::new(name, fork, SIZE)).collect();
        let mut state: Option<TreeHead> = None;
        let mut cosigned: Vec<TreeHead> = Vec::new();
        let mut sent = Vec::new();
        for step in &steps {
            let known = state.map_or(0, |head| usize::try_from(head.size).unwrap());
            let request = request_of(step, &branches, known, &sent);
            let before = state;
            match judge(state.as_ref(), &key(), &request) {
                Ok(accepted) => {
                    state = Some(accepted.checkpoint.head());
                    if !step.killed {
                        cosigned.push(accepted.checkpoint.head());
                    }
                    prop_assert!(state.map(|head| head.size) >= before.map(|head| head.size));
                    // the truth, from the entries themselves and without any proof
                    let size = usize::try_from(accepted.checkpoint.size).unwrap();
                    prop_assert!(branches.iter().any(|branch| branch.heads[size] == accepted.checkpoint.head()
                        && cosigned.iter().chain(&before).all(|one| branch.heads[usize::try_from(one.size).unwrap()] == *one)));
                }
                Err(Refusal::Conflict { known: told, .. }) => prop_assert_eq!(told, known as u64),
                Err(_) => {}
            }
            sent.push(request);
        }
    }

    /// An honest log is cosigned at every size, from whatever the witness knows.
    #[test]
    fn an_honest_log_is_always_cosigned(old in 0..=SIZE, more in 0..=SIZE) {
        let log = Branch::new(1, 0, SIZE);
        let new = (old + more).min(SIZE);
        let known = (old > 0).then(|| log.heads[old]);
        prop_assert!(judge(known.as_ref(), &key(), &log.request(old, new)).is_ok());
    }

    /// Nothing that is sent makes the parser fail otherwise than by an error.
    #[test]
    fn no_bytes_break_the_parser(text in "\\PC{0,40}(old [0-9]{1,22})?\n{0,3}\\PC{0,60}\n{0,2}") {
        if let Ok(request) = AddCheckpoint::parse(&text) {
            prop_assert_eq!(request.to_text(), text);
            prop_assert!(judge(None, &key(), &request).is_err());
        }
    }
}
