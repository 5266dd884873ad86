//! Documents say what the program says: every help page in `docs/commands.md`, and the examples of `docs/cli.md`, run one after another at
//! a real demo. `SNAPSHOTS=overwrite` renews both.

mod terminal;

use std::{fs, path::PathBuf};
use terminal::{Demo, ran, remit};

fn document(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name)
}

fn page(words: &[String]) -> String {
    let shown = ran(remit().args(words).arg("--help"));
    assert_eq!((shown.code, shown.err.as_str()), (0, ""), "{words:?}");
    shown.out
}

/// The commands that a help page lists.
fn listed(page: &str) -> Vec<String> {
    page.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A page without the sections that every page shares.
fn own(page: &str) -> String {
    let mut shared = false;
    let own = page.lines().filter(|line| {
        if !line.starts_with(' ') && !line.is_empty() {
            shared = matches!(*line, "Output:" | "Server:");
        }
        !shared
    });
    let own: Vec<&str> = own.map(str::trim_end).collect();
    own.join("\n").trim_end().to_owned()
}

fn pages(words: &[String], out: &mut String) {
    let shown = page(words);
    let name = [vec!["remit".to_owned()], words.to_vec()]
        .concat()
        .join(" ");
    out.extend([format!("## {name}\n\n```text\n{}\n```\n\n", own(&shown))]);
    for next in listed(&shown) {
        pages(&[words.to_vec(), vec![next]].concat(), out);
    }
}

#[test]
fn every_help_page_is_documented_as_it_is() {
    let shared = page(&["request".to_owned(), "list".to_owned()]);
    let shared: Vec<&str> = shared
        .lines()
        .skip_while(|line| !matches!(*line, "Output:" | "Server:"))
        .map(str::trim_end)
        .collect();
    let mut text = format!(
        "# Every command\n\nAs the program prints it with `--help`. What all commands share stands here once:\n\n```text\n{}\n```\n\n",
        shared.join("\n").trim_end()
    );
    pages(&[], &mut text);
    for topic in ["exit-codes", "formatting", "environment"] {
        let shown = ran(remit().args(["help", topic]));
        text.extend([format!(
            "## remit help {topic}\n\n```text\n{}\n```\n\n",
            shown.out.trim_end()
        )]);
    }
    snapbox::Assert::new()
        .normalize_paths(false)
        .action_env("SNAPSHOTS")
        .eq(
            format!("{}\n", text.trim_end()),
            snapbox::Data::read_from(&document("commands.md"), None),
        );
}

/// Runs the commands of every block, each as the person that the comment before it names, and writes what they show below them.
fn with_answers(demo: &Demo, text: &str) -> String {
    let (mut out, mut account, mut in_block) = (String::new(), String::new(), false);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("<!-- as ") {
            name.trim_end_matches(" -->").clone_into(&mut account);
        }
        if line.starts_with("```") {
            in_block = line == "```console";
        }
        if let Some(command) = line.strip_prefix("$ ").filter(|_| in_block) {
            let shown = demo.typed(&account, command);
            out.extend([line, "\n", &shown]);
        } else if !in_block || line.starts_with("```") {
            out.extend([line, "\n"]);
        }
    }
    out
}

/// A text without what differs from run to run: every number is 0, and columns may move by its width.
fn lasting(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let mut shown = String::new();
        for c in line.chars() {
            let c = if c.is_ascii_digit() { '0' } else { c };
            let repeated = matches!(c, '0' | ' ') && shown.ends_with(c);
            if !repeated {
                shown.push(c);
            }
        }
        shown
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_examples_of_the_documents_run_as_they_stand() {
    let path = document("cli.md");
    let written = fs::read_to_string(&path).unwrap();
    let shown = with_answers(&Demo::start(), &written);
    if std::env::var_os("SNAPSHOTS").is_some_and(|action| action == "overwrite") {
        fs::write(&path, &shown).unwrap();
        return;
    }
    snapbox::Assert::new()
        .normalize_paths(false)
        .eq(lasting(&shown), lasting(&written));
}
