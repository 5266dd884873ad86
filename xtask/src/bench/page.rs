//! The page of results: a picture of how each measure stands to its aim, and the table behind it.
use super::{Aim, Row};
use crate::{shell, tree};
use anyhow::{Context as _, Result};
use std::{fmt::Write as _, fs, process::Command};

const PAGE: &str = "docs/benchmarks.md";
const PICTURE: &str = "docs/benchmarks.svg";

/// Where the line is at which an aim is just met, and where a bar ends that is three times as good: pixels from the left.
const MET_AT: f64 = 480.0;
const BEST_AT: f64 = 760.0;
const LEFT: f64 = 340.0;
/// Room for the longest figure with its aim beside the longest bar.
const WIDTH: f64 = 920.0;
const BEST: f64 = 3.0;
const ROW: usize = 26;
const TOP: usize = 48;

/// Writes both.
///
/// # Errors
/// When the files can't be written, or the revision can't be told.
pub(super) fn write(rows: &[Row], version: &str) -> Result<()> {
    let root = tree::root();
    for (file, text) in [
        (PAGE, page(rows, &measured_at()?, version)),
        (PICTURE, picture(rows)),
    ] {
        fs::write(root.join(file), text).with_context(|| format!("`{file}`"))?;
        shell::say(&format!("wrote {file}"));
    }
    Ok(())
}

/// When, of which revision, and on how many processors.
fn measured_at() -> Result<String> {
    let revision = shell::run_quietly(Command::new("git").current_dir(tree::root()).args([
        "rev-parse",
        "--short=12",
        "HEAD",
    ]))?;
    let day = shell::run_quietly(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(format!(
        "{}, revision {}, {processors} processors",
        day.trim(),
        revision.trim()
    ))
}

fn page(rows: &[Row], measured: &str, version: &str) -> String {
    let mut page = format!(
        "# Benchmarks\n\n\
         Measured on {measured}, with {version}. Where there is a bare reference, it ran beside in the same run, on the same stack: on another \
         machine the figures differ, and the ratios should not by much.\n\n\
         ![How each measure stands to its aim; the same figures are in the table below](benchmarks.svg)\n\n\
         | measure | value | aim | met | whence |\n|---|---:|---|---|---|\n"
    );
    for row in rows {
        let met = match row.aim {
            Aim::Told => "",
            _ if row.is_met() => "yes",
            _ => "**no**",
        };
        // a String takes everything
        let _ = writeln!(
            page,
            "| {} | {} | {} | {met} | {} |",
            row.name,
            number(row.value),
            row.aim,
            row.whence
        );
    }
    page.push_str(
        "\n## How to repeat\n\n\
         `cargo xtask bench` measures all of it and prints a line for each; `--check` fails if an aim is missed, and `--write` writes this page and \
         its picture. Nothing else should run on the machine meanwhile. The aims are in `xtask/src/bench.rs`; each program that measures is an \
         example or a bench of the room it is about.\n",
    );
    page
}

/// How many times better than its aim a value is; below 1 it is missed. `None` without an aim.
fn standing(row: &Row) -> Option<f64> {
    match row.aim {
        Aim::AtLeast(least) => Some(row.value / least),
        Aim::AtMost(limit) | Aim::Under(limit) => Some(limit / row.value.max(f64::MIN_POSITIVE)),
        Aim::Told => None,
    }
}

fn picture(rows: &[Row]) -> String {
    let aimed: Vec<(&Row, f64)> = rows
        .iter()
        .filter_map(|row| Some((row, standing(row)?)))
        .collect();
    let height = TOP + aimed.len() * ROW + 16;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"t d\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <title id=\"t\">How each measure stands to its aim</title>\n\
         <desc id=\"d\">One bar for each measure. Bars that reach the upright line meet their aim; a bar at the right edge is three times better or more.</desc>\n\
         <style>text{{fill:#0b0c0c}}.met{{fill:#1d70b8}}.missed{{fill:#ca3535}}line{{stroke:#0b0c0c}}.paper{{fill:#fff}}\
         @media (prefers-color-scheme:dark){{text{{fill:#f3f2f1}}.met{{fill:#5694ca}}.missed{{fill:#f47738}}line{{stroke:#f3f2f1}}.paper{{fill:#0b0c0c}}}}</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
         <text x=\"{MET_AT}\" y=\"20\" text-anchor=\"middle\">aim</text>\n\
         <text x=\"{BEST_AT}\" y=\"20\" text-anchor=\"end\">3 times better or more</text>\n"
    );
    for (n, (row, standing)) in aimed.iter().enumerate() {
        let y = TOP + n * ROW;
        let class = if row.is_met() { "met" } else { "missed" };
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{class}\" x=\"{LEFT:.0}\" y=\"{}\" width=\"{:.0}\" height=\"16\"/>\
             <text x=\"{:.0}\" y=\"{}\">{} ({})</text>",
            LEFT - 8.0,
            y + 13,
            escaped(&row.name),
            y,
            reach(*standing) - LEFT,
            reach(*standing).max(MET_AT) + 6.0,
            y + 13,
            number(row.value),
            row.aim
        );
    }
    let _ = writeln!(
        svg,
        "<line x1=\"{MET_AT}\" x2=\"{MET_AT}\" y1=\"28\" y2=\"{}\" stroke-width=\"2\"/>\n</svg>",
        height - 8
    );
    svg
}

/// Where a bar ends: from nothing to the aim on one scale, and from there to three times the aim on another.
fn reach(standing: f64) -> f64 {
    if standing <= 1.0 {
        LEFT + (MET_AT - LEFT) * standing.max(0.0)
    } else {
        MET_AT + (BEST_AT - MET_AT) * (standing.min(BEST) - 1.0) / (BEST - 1.0)
    }
}

/// A number with as many digits as matter.
fn number(value: f64) -> String {
    if value >= 1_000.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, value: f64, aim: Aim) -> Row {
        Row {
            name: name.to_owned(),
            value,
            aim,
            whence: "4097 entries/s beside 5951".to_owned(),
        }
    }

    #[test]
    fn the_page_has_every_measure_and_says_which_aims_are_missed() {
        let rows = [
            row("append", 0.69, Aim::AtLeast(0.6)),
            row("gateway", 0.37, Aim::AtLeast(0.5)),
            row("entries a second", 12_345.6, Aim::Told),
        ];
        let page = page(&rows, "2026-01-02, revision abc, 2 processors", "this");
        let lines: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
        assert_eq!(
            lines[1..],
            [
                "| append | 0.69 | at least 0.6 | yes | 4097 entries/s beside 5951 |",
                "| gateway | 0.37 | at least 0.5 | **no** | 4097 entries/s beside 5951 |",
                "| entries a second | 12346 | no aim |  | 4097 entries/s beside 5951 |",
            ]
        );
    }

    #[test]
    fn a_bar_reaches_the_line_just_when_its_aim_is_met() {
        for (value, aim, at_the_line) in [
            (0.6, Aim::AtLeast(0.6), true),
            (0.59, Aim::AtLeast(0.6), false),
            (1.3, Aim::AtMost(1.3), true),
            (1.31, Aim::AtMost(1.3), false),
            (9.9, Aim::Under(10.0), true),
        ] {
            let reached = standing(&row("x", value, aim)).map(reach);
            assert_eq!(reached.map(|at| at >= MET_AT), Some(at_the_line), "{value}");
        }
        assert_eq!(standing(&row("x", 1.0, Aim::Told)), None);
        assert!(reach(100.0) <= BEST_AT);
    }

    #[test]
    fn every_figure_is_inside_the_picture_with_its_aim() {
        let svg = picture(&[row("revoke to denied", 15.95, Aim::Under(250.0))]);
        let told = "15.95 (under 250)";
        let (before, _) = svg.split_once(told).unwrap();
        let (_, place) = before.rsplit_once("<text x=\"").unwrap();
        let at: f64 = place.split('"').next().unwrap().parse().unwrap();
        // eight pixels are more than a letter of this size takes
        let letters = u32::try_from(told.len()).unwrap();
        assert!(at + 8.0 * f64::from(letters) <= WIDTH, "{at}");
    }

    #[test]
    fn the_picture_names_what_is_aimed_at_and_escapes_it() {
        let svg = picture(&[
            row("a < b", 1.0, Aim::AtLeast(0.5)),
            row("told", 1.0, Aim::Told),
        ]);
        assert!(
            svg.contains("a &lt; b") && svg.contains("class=\"met\""),
            "{svg}"
        );
        assert!(!svg.contains("told"), "{svg}");
    }
}
