//! Measures, always beside a bare reference in the same run: on a noisy machine only neighbours can be compared.
//!
//! Each room measures itself, in a program that prints a line for each measure: its name, its value, and in words where the
//! value comes from, with tabs between. What to aim at is written here.
mod page;

use crate::{install, shell, tree};
use anyhow::{Context as _, Result, bail};
use std::process::Command;

/// Compiles what needs real platforms.
const REAL_PLATFORMS: &str = "remit/real-platforms";

/// A program that measures.
struct Bench {
    program: Program,
    aims: &'static [(&'static str, Aim)],
}

/// What cargo calls it.
enum Program {
    Example(&'static str),
    /// A bench, which can start the room's own binary; this one needs a real PostgreSQL.
    OnPostgres(&'static str),
}

/// What a measure should be.
#[derive(Debug, Clone, Copy)]
enum Aim {
    AtLeast(f64),
    AtMost(f64),
    Under(f64),
    /// Told only, for nobody has a bare reference to hold it against.
    Told,
}

impl Aim {
    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
            Self::Under(limit) => value < limit,
            Self::Told => true,
        }
    }
}

impl std::fmt::Display for Aim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::AtMost(most) => write!(f, "at most {most}"),
            Self::Under(limit) => write!(f, "under {limit}"),
            Self::Told => f.write_str("no aim"),
        }
    }
}

const BENCHES: &[Bench] = &[
    Bench {
        program: Program::Example("append_ratio"),
        aims: &[
            ("durable append, batch of 1", Aim::AtLeast(0.6)),
            ("durable append, batch of 10", Aim::AtLeast(0.6)),
            ("durable append, batch of 100", Aim::AtLeast(0.6)),
            ("durable append, batch of 1000", Aim::AtLeast(0.6)),
        ],
    },
    Bench {
        program: Program::Example("decide_ratio"),
        aims: &[
            ("decision in process", Aim::AtMost(1.3)),
            ("decision, first about a grant", Aim::AtMost(1.3)),
        ],
    },
    Bench {
        program: Program::Example("group_commit"),
        aims: &[
            ("decided and durable a second, 1 callers", Aim::Told),
            ("decided and durable a second, 16 callers", Aim::Told),
            ("decided and durable a second, 64 callers", Aim::Told),
            ("decided and durable a second, 256 callers", Aim::Told),
            ("decided and durable a second, 1024 callers", Aim::Told),
        ],
    },
    Bench {
        program: Program::Example("growth"),
        aims: &[
            (
                "start from a snapshot, 100000 closed requests",
                Aim::Under(2.0),
            ),
            ("memory, many closed requests beside few", Aim::AtMost(1.1)),
            (
                "search newest first p99, 100000 closed requests",
                Aim::Under(20.0),
            ),
            ("entries folded a second, 100000 closed requests", Aim::Told),
        ],
    },
    Bench {
        program: Program::Example("proof_ratio"),
        aims: &[
            ("inclusion proof at 1M entries, made", Aim::AtMost(2.5)),
            ("inclusion proof at 1M entries, checked", Aim::AtMost(2.5)),
        ],
    },
    Bench {
        program: Program::Example("read_ratio"),
        aims: &[
            ("entries verified a second", Aim::Told),
            ("entries replayed a second", Aim::Told),
        ],
    },
    Bench {
        program: Program::Example("open_requests"),
        aims: &[("memory for an open request", Aim::Told)],
    },
    Bench {
        program: Program::Example("proxy_ratio"),
        aims: &[
            ("gateway requests, recorded, 1 callers", Aim::Told),
            ("gateway requests, recorded, 16 callers", Aim::Told),
            ("gateway requests, recorded, 256 callers", Aim::AtLeast(0.5)),
        ],
    },
    Bench {
        program: Program::OnPostgres("revoke_to_denied"),
        aims: &[
            ("revoke to denied, gateway", Aim::Under(10.0)),
            ("revoke to denied, PostgreSQL", Aim::Under(250.0)),
        ],
    },
];

/// What an example printed.
#[derive(Debug, PartialEq)]
struct Measure {
    name: String,
    value: f64,
    whence: String,
}

/// A measure and its aim.
struct Row {
    name: String,
    value: f64,
    aim: Aim,
    whence: String,
}

impl Row {
    fn is_met(&self) -> bool {
        self.aim.is_met_by(self.value)
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            name,
            value,
            aim,
            whence,
        } = self;
        let verdict = if self.is_met() { "met" } else { "MISSED" };
        let aim = aim.to_string();
        write!(f, "{name:44} {value:9.2}  {aim:12} {verdict:6}  {whence}")
    }
}

/// Measures everything; with `check`, a missed aim fails, and with `write`, the page of results is written.
///
/// # Errors
/// When an example doesn't build or run, prints something else than it should, or an aim is missed.
pub(crate) fn run(check: bool, write: bool) -> Result<()> {
    let mut rows = Vec::new();
    for bench in BENCHES {
        shell::say(&format!("== {}", bench.program.name()));
        let measures = measures(&printed(bench)?)?;
        for (name, aim) in bench.aims {
            let row = row(bench, &measures, name, *aim)?;
            shell::say(&row.to_string());
            rows.push(row);
        }
    }
    if write {
        let rustc = shell::run_quietly(Command::new("rustc").arg("--version"))?;
        page::write(&rows, rustc.trim())?;
    }
    let missed: Vec<&str> = rows
        .iter()
        .filter(|row| !row.is_met())
        .map(|row| row.name.as_str())
        .collect();
    if check && !missed.is_empty() {
        bail!("missed: {}", missed.join("; "));
    }
    Ok(())
}

fn row(bench: &Bench, measures: &[Measure], name: &str, aim: Aim) -> Result<Row> {
    let named = |measure: &&Measure| measure.name == name;
    let measure = measures
        .iter()
        .find(named)
        .with_context(|| format!("{} does not measure `{name}`", bench.program.name()))?;
    Ok(Row {
        name: name.to_owned(),
        value: measure.value,
        aim,
        whence: measure.whence.clone(),
    })
}

impl Program {
    fn name(&self) -> &'static str {
        match self {
            Self::Example(name) | Self::OnPostgres(name) => name,
        }
    }
}

/// Builds the program and returns what it prints. The whole workspace is named each time: with one room alone cargo would choose
/// other features of shared dependencies, and build them again.
fn printed(bench: &Bench) -> Result<String> {
    let whole = ["--quiet", "--locked", "--workspace", "--features"];
    let mut command = Command::new("cargo");
    command.current_dir(tree::root());
    match bench.program {
        Program::Example(name) => {
            command.args(["build", "--release", "--example", name]);
            shell::run(command.args(whole).arg(REAL_PLATFORMS))?;
            let built = tree::root().join("target/release/examples").join(name);
            shell::run_quietly(&mut Command::new(built))
        }
        Program::OnPostgres(name) => {
            command.args(["bench", "--bench", name]);
            command.env("REMIT_TEST_PG_BIN", install::postgres()?);
            shell::run_quietly(command.args(whole).arg(REAL_PLATFORMS))
        }
    }
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
