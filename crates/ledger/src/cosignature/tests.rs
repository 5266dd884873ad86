//! The bytes of cosignatures, what is refused and why, and how a quorum counts.

use std::error::Error as _;

use super::*;
use crate::checkpoint::{Signer, VerifierKey};
use crate::tree::Tree;

fn cosigner(n: u8) -> Cosigner {
    let name = format!("witness.example/w{n}").parse().unwrap();
    Cosigner::from_seed(name, &[n; 32])
}

fn key(n: u8) -> WitnessKey {
    WitnessKey::parse(&cosigner(n).vkey()).unwrap()
}

fn log() -> Signer {
    Signer::from_seed("example.com/remit".parse().unwrap(), &[1; 32])
}

/// A checkpoint over `size` entries, with these lines after the log's own.
fn signed(size: u64, lines: &[String]) -> Checkpoint {
    let mut tree = Tree::new();
    for n in 0..size {
        tree.append(&n.to_be_bytes());
    }
    let mut note = log().sign(&tree.head());
    for line in lines {
        note.push_str(line);
        note.push('\n');
    }
    VerifierKey::parse(&log().vkey())
        .unwrap()
        .open(&note)
        .unwrap()
}

fn told(error: &NotWitnessed) -> String {
    let cause = error.source().map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

/// These bytes are with whoever trusts the witness; they were made by another program from the specification.
#[test]
fn the_bytes_of_a_cosignature_never_change() {
    assert_eq!(
        cosigner(7).vkey(),
        "witness.example/w7+b84f516a+BOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"
    );
    assert_eq!(
        message(&signed(2, &[]), 1_679_315_147),
        "cosignature/v1\ntime 1679315147\nexample.com/remit\n2\np9kYlLYfv0Y3jYjj4bH3rvOVMsUEtIS9MVUdFeCgnf8=\n"
    );
    let line = "— witness.example/w7 uE9RagAAAABkGFDLOgGPTLJvY8xMYjAsSfijM44JNs10hO6oU1iTXmxASd6lU58AkhDdQh+Tt/omFN+z04llA/Y8ahkpoxoWnPM/Dw==";
    assert_eq!(cosigner(7).cosign(&signed(2, &[]), 1_679_315_147), line);
    let found = key(7).check(&signed(2, &[]), line).unwrap().unwrap();
    assert_eq!(found.time, 1_679_315_147);
}

#[test]
fn a_cosignature_is_found_among_those_of_others_and_the_newest_counts() {
    let bare = signed(5, &[]);
    let lines = [
        cosigner(2).cosign(&bare, 90),
        cosigner(1).cosign(&bare, 10),
        cosigner(1).cosign(&bare, 30),
        cosigner(1).cosign(&bare, 20),
    ];
    let checkpoint = signed(5, &lines);
    let found = key(1).find(&checkpoint).unwrap().unwrap();
    assert_eq!((found.time, found.line), (30, lines[2].clone()));
    assert_eq!(key(3).find(&checkpoint).unwrap(), None);
}

#[test]
fn every_changed_bit_of_a_cosignature_is_noticed() {
    let bare = signed(3, &[]);
    let line = cosigner(1).cosign(&bare, 1_000);
    let prefix = "— witness.example/w1 ";
    let bytes = BASE64_STANDARD
        .decode(line.strip_prefix(prefix).unwrap())
        .unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let line = format!("{prefix}{}", BASE64_STANDARD.encode(changed));
        let checked = key(1).check(&bare, &line);
        // another key id is somebody else's line
        assert!(!matches!(checked, Ok(Some(_))), "bit {bit}");
        assert_eq!(checked.is_ok(), bit < 32, "bit {bit}");
    }
}

#[test]
fn a_cosignature_of_another_checkpoint_is_no_witness_to_this_one() {
    let other = cosigner(1).cosign(&signed(4, &[]), 1_000);
    let quorum = Quorum::new(vec![key(1)], 1).unwrap();
    assert_eq!(
        told(&quorum.check(&signed(5, &[other])).unwrap_err()),
        "a cosignature is not to be believed: the cosignature by witness `witness.example/w1` is not over this checkpoint"
    );
}

#[test]
fn a_quorum_counts_each_witness_once_and_names_the_missing() {
    let bare = signed(5, &[]);
    let quorum = Quorum::new(vec![key(1), key(2), key(3)], 2).unwrap();
    let twice = [cosigner(2).cosign(&bare, 1), cosigner(2).cosign(&bare, 2)];
    assert_eq!(
        told(&quorum.check(&signed(5, &twice)).unwrap_err()),
        "1 of the 3 witnesses have cosigned it and 2 are needed; missing: `witness.example/w1`, `witness.example/w3`"
    );
    let strangers = [cosigner(8).cosign(&bare, 1), cosigner(9).cosign(&bare, 1)];
    assert_eq!(
        told(&quorum.check(&signed(5, &strangers)).unwrap_err()),
        "0 of the 3 witnesses have cosigned it and 2 are needed; missing: `witness.example/w1`, `witness.example/w2`, `witness.example/w3`"
    );
    let two = [cosigner(3).cosign(&bare, 7), cosigner(1).cosign(&bare, 8)];
    let found = quorum.check(&signed(5, &two)).unwrap();
    let times: Vec<u64> = found.iter().map(|one| one.time).collect();
    assert_eq!(times, [8, 7]);
}

#[test]
fn a_quorum_that_one_witness_could_fill_twice_is_refused() {
    let renamed = Cosigner::from_seed("witness.example/other".parse().unwrap(), &[1; 32]);
    let renamed = WitnessKey::parse(&renamed.vkey()).unwrap();
    for second in [key(1), renamed] {
        let name = second.name().clone();
        assert_eq!(
            Quorum::new(vec![key(1), second], 1),
            Err(QuorumError::Twice { name })
        );
    }
    assert_eq!(
        Quorum::new(vec![key(1)], 2).unwrap_err().to_string(),
        "a quorum of 2 can't be had of 1 witnesses: choose 1 to 1"
    );
    assert!(Quorum::new(vec![key(1)], 0).is_err());
}

#[track_caller]
fn refused(vkey: &str, expected: &str) {
    assert_eq!(WitnessKey::parse(vkey).unwrap_err().to_string(), expected);
}

#[test]
fn what_is_no_key_of_a_witness_is_refused_by_what_it_is() {
    let good = cosigner(1).vkey();
    assert_eq!(
        WitnessKey::parse(&format!(" {good}\n")).unwrap().vkey(),
        good
    );
    refused(
        "w",
        "`w` is not a witness's key: `name+hash+base64` of a cosignature key is needed",
    );
    let log = log().vkey();
    refused(
        &log,
        &format!(
            "`{log}` is a key of type 0x01, which does not cosign: type 0x04 (Ed25519 cosignature) is needed"
        ),
    );
    let other = good.replace("/w1+", "/w2+");
    refused(
        &other,
        &format!("the hash in `{other}` does not fit its name and key: it was not copied whole"),
    );
    let name: WitnessName = "witness.example/pq".parse().unwrap();
    let typed = typed(Algorithm::MlDsa44, &[5; 1_312]);
    let id = u32::from_be_bytes(key_id(&name, &typed));
    let key = format!("{name}+{id:08x}+{}", BASE64_STANDARD.encode(&typed));
    refused(
        &key,
        "witness `witness.example/pq` signs with ML-DSA-44, which is not supported yet: use its Ed25519 key (type 0x04)",
    );
    let short = format!("{name}+{id:08x}+{}", BASE64_STANDARD.encode(&typed[..99]));
    refused(
        &short,
        &format!(
            "`{short}` is not a witness's key: `name+hash+base64` of a cosignature key is needed"
        ),
    );
}

#[test]
fn a_signing_key_is_read_as_it_was_written_and_never_told_when_it_is_not() {
    let text = cosigner(1).private_text();
    assert_eq!(
        Cosigner::parse(&format!("{}\n", *text)).unwrap().vkey(),
        cosigner(1).vkey()
    );
    let renamed = text.replace("/w1+", "/w2+");
    let cut: String = text.chars().take(50).collect();
    for wrong in [
        renamed.as_str(),
        &cut,
        "",
        "PRIVATE+KEY+w",
        &cosigner(1).vkey(),
    ] {
        let error = Cosigner::parse(wrong).unwrap_err().to_string();
        assert_eq!(
            error,
            "it is not a witness's signing key: `remit witness key` makes one"
        );
    }
    assert!(!format!("{:?}", cosigner(1)).contains("PRIVATE"));
}
