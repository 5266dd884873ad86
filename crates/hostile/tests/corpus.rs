//! Every input that was ever worth keeping is read again, whole and spoiled a little: nothing panics. Needs no fuzzer.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on panics: that is how it reports"
)]
use hostile::{PROBES, Probe, probe};
use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};
use std::{collections::BTreeSet, fs, path::PathBuf};

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

fn inputs(probe: &Probe) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = fs::read_dir(corpus().join(probe.name))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn every_parser_has_inputs_and_a_target_and_every_folder_a_parser() {
    let folders: BTreeSet<String> = fs::read_dir(corpus())
        .unwrap()
        .map(|folder| folder.unwrap().file_name().into_string().unwrap())
        .collect();
    let names: BTreeSet<String> = PROBES.iter().map(|probe| probe.name.to_owned()).collect();
    assert_eq!(folders, names);
    let manifest = fs::read_to_string(corpus().join("../Cargo.toml")).unwrap();
    for probe in PROBES {
        assert!(!inputs(probe).is_empty(), "{}", probe.name);
        let target = format!("name = \"{}\"", probe.name);
        assert!(manifest.contains(&target), "no target for {}", probe.name);
    }
    assert!(probe("nothing").is_none());
}

#[test]
fn every_input_that_was_kept_is_read() {
    for probe in PROBES {
        for input in inputs(probe) {
            (probe.read)(&input);
        }
    }
}

/// What is done to an input.
#[derive(Debug, Clone)]
enum Harm {
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Double(Index, Index),
}

fn harm() -> impl Strategy<Value = Harm> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..9),
        prop::sample::select(vec![
            "\u{202e}", "%2f", "..", "\"", "\\u0000", "[[", "-1", "1e999", "\n", "{}"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop_oneof![
        (any::<Index>(), 0..8_u8).prop_map(|(place, bit)| Harm::Flip(place, bit)),
        any::<Index>().prop_map(Harm::Cut),
        (any::<Index>(), bytes).prop_map(|(place, bytes)| Harm::Insert(place, bytes)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Harm::Double(from, to)),
    ]
}

fn spoiled(mut input: Vec<u8>, harms: &[Harm]) -> Vec<u8> {
    for harm in harms {
        let places = input.len() + 1;
        match harm {
            Harm::Flip(place, bit) => {
                let place = place.index(places);
                if let Some(byte) = input.get_mut(place) {
                    *byte ^= 1 << bit;
                }
            }
            Harm::Cut(place) => input.truncate(place.index(places)),
            Harm::Insert(place, bytes) => {
                let place = place.index(places);
                input.splice(place..place, bytes.iter().copied());
            }
            Harm::Double(from, to) => {
                let (from, to) = (from.index(places), to.index(places));
                let part = input.get(from..to).unwrap_or_default().to_vec();
                input.splice(from..from, part);
            }
        }
    }
    input
}

#[test]
fn every_input_that_was_kept_is_read_when_it_is_spoiled() {
    for probe in PROBES {
        let cases = if matches!(probe.name, "catalog" | "policies") {
            60
        } else {
            600
        };
        let mut runner = TestRunner::new(Config {
            cases,
            failure_persistence: None,
            ..Config::default()
        });
        let inputs = inputs(probe);
        let choice = (any::<Index>(), prop::collection::vec(harm(), 1..5));
        let read = runner.run(&choice, |(input, harms)| {
            let input = input.get(&inputs).clone();
            (probe.read)(&spoiled(input, &harms));
            Ok(())
        });
        assert_eq!(
            read.map_err(|error| error.to_string()),
            Ok(()),
            "{}",
            probe.name
        );
    }
}
