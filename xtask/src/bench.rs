//! Measures, always beside a bare reference in the same run: on a noisy machine only neighbours can be compared.
//!
//! Each room measures itself, in an example that prints a line for each measure: its name, its value, and in words where the
//! value comes from, with tabs between. What to aim at is written here.
use crate::{shell, tree};
use anyhow::{Context as _, Result, bail};
use std::process::Command;

/// An example of a room, and the least that each measure it prints should be.
struct Bench {
    room: &'static str,
    example: &'static str,
    aims: &'static [(&'static str, f64)],
}

const BENCHES: &[Bench] = &[Bench {
    room: "store",
    example: "append_ratio",
    aims: &[
        ("durable append, batch of 1", 0.6),
        ("durable append, batch of 10", 0.6),
        ("durable append, batch of 100", 0.6),
        ("durable append, batch of 1000", 0.6),
    ],
}];

/// What an example printed.
#[derive(Debug, PartialEq)]
struct Measure {
    name: String,
    value: f64,
    whence: String,
}

/// Measures everything; with `check`, a missed aim fails.
///
/// # Errors
/// When an example doesn't build or run, prints something else than it should, or an aim is missed.
pub(crate) fn run(check: bool) -> Result<()> {
    let mut missed = Vec::new();
    for bench in BENCHES {
        let measures = measures(&printed(bench)?)?;
        for (name, least) in bench.aims {
            let measure = measures
                .iter()
                .find(|measure| measure.name == *name)
                .with_context(|| format!("{} does not measure `{name}`", bench.example))?;
            let met = measure.value >= *least;
            let verdict = if met { "met" } else { "MISSED" };
            shell::say(&format!(
                "{name:32} {:6.2}  at least {least}: {verdict:6}  {}",
                measure.value, measure.whence
            ));
            if !met {
                missed.push(*name);
            }
        }
    }
    if check && !missed.is_empty() {
        bail!("missed: {}", missed.join("; "));
    }
    Ok(())
}

fn printed(bench: &Bench) -> Result<String> {
    let words = ["run", "--release", "--quiet", "--locked", "--package"];
    shell::run_quietly(
        Command::new("cargo")
            .args(words)
            .args([bench.room, "--example", bench.example])
            .current_dir(tree::root()),
    )
}

fn measures(printed: &str) -> Result<Vec<Measure>> {
    printed.lines().map(measure).collect()
}

fn measure(line: &str) -> Result<Measure> {
    let mut fields = line.split('\t');
    let (Some(name), Some(value), Some(whence)) = (fields.next(), fields.next(), fields.next())
    else {
        bail!("`{line}` is not a name, a value and where it comes from");
    };
    Ok(Measure {
        name: name.to_owned(),
        value: value
            .parse()
            .with_context(|| format!("`{value}` of `{name}`"))?,
        whence: whence.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_a_value_and_where_it_comes_from() {
        let read = measures("decision\t1.25\t17 us beside 13.6 us\n").map_err(|e| e.to_string());
        let expected = Measure {
            name: "decision".to_owned(),
            value: 1.25,
            whence: "17 us beside 13.6 us".to_owned(),
        };
        assert_eq!(read, Ok(vec![expected]));
        let refused = measures("decision: 1.25").map_err(|e| e.to_string());
        let words = "`decision: 1.25` is not a name, a value and where it comes from";
        assert_eq!(refused, Err(words.to_owned()));
    }
}
