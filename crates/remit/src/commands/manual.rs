//! `remit help`, `man` and `completion`: everything that is known about the command line itself.
use crate::{cli::Cli, failure::Failed, output, render::safe};
use anyhow::{Context, Result};
use clap::{CommandFactory as _, ValueEnum};
use std::path::Path;

/// A shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// Bash
    Bash,
    /// Zsh
    Zsh,
    /// fish
    Fish,
    /// `PowerShell`
    Powershell,
    /// Elvish
    Elvish,
    /// Nushell
    Nushell,
}

const EXIT_CODES: &str = "\
Exit codes

  0    done
  1    it could not be done
  2    the command was called wrongly
  3    the rules say no: standard error names the rule, why it exists, and what would be allowed
  4    sign in first: `remit login`
  5    there is no such thing, or it is not yours to see
  6    still waiting: `--wait` or `--timeout` ran out before it was decided
  7    it has changed meanwhile, or is over: look again, then decide again
  8    evidence was changed: do not rely on it
  9    the server can't be reached
  130  interrupted

`remit grant use` ends as its command ends.
";

const FORMATTING: &str = "\
Formatting

  -o table    columns for people; the usual form on a terminal
  -o wide     more columns
  -o tsv      tab-separated lines without colour; the usual form in a pipe
  -o json     the server's answer; errors are problem documents (RFC 9457) on standard error
  -o jsonl    one JSON document for each row
  -o yaml     one YAML document
  -o csv      for spreadsheets: times as RFC 3339, lengths in seconds
  -o id       numbers or ids alone, one a line

  --columns NAME,...   choose columns by name; a wrong name lists the right ones
  --no-headers         leave the names of columns out
  --jq EXPR            what this jq expression makes of the JSON; texts come bare
  --utc                times in UTC; else local time with its offset
  --color WHEN         auto, always or never

Results go to standard output, everything else to standard error. `--quiet` leaves errors only, `-v` says what is asked of
the server. Control characters and characters that turn text around never reach a terminal: JSON holds them escaped, all
other forms leave them out.
";

const ENVIRONMENT: &str = "\
Environment

  REMIT_SERVER      the server, as `--server`
  REMIT_TOKEN       the token that `remit login` printed
  REMIT_TOKEN_FILE  the file it is in, as `--token-file`; it wins over REMIT_TOKEN
  REMIT_CONFIG      the configuration of a server or enforcement point, as `--config`
  REMIT_DATA        the data folder, as `--data`
  REMIT_LISTEN, REMIT_ADMIN, REMIT_BUNDLE, REMIT_ACCOUNTS
                    win over a server's configuration
  REMIT_LOG         how much a server logs, such as `info` or `engine=debug`
  NO_COLOR          no colour, if not empty
  CLICOLOR_FORCE    colour in pipes too, if not 0
  CLICOLOR          no colour, if 0
  TZ                in which times are shown

`remit grant use` and `remit grant env` set:

  REMIT_GRANT, REMIT_GRANT_ENDS_AT
                    which grant, and until when
  REMIT_ORIGIN, REMIT_ACCESS_TOKEN, REMIT_ACCESS_TOKEN_ENDS_AT
                    a platform behind a gateway: send the token as `Authorization: Bearer ...`
  DATABASE_URL      a temporary role in PostgreSQL
  NODE_RED_TOKEN    a token that Node-RED takes
";

/// The topics that are no commands.
const TOPICS: [(&str, &str); 3] = [
    ("exit-codes", EXIT_CODES),
    ("formatting", FORMATTING),
    ("environment", ENVIRONMENT),
];

/// Help on a topic, on a command, or on everything.
///
/// # Errors
/// A wrong call if there is no such topic or command.
pub(crate) fn help(asked: &[String]) -> Result<()> {
    if let [topic] = asked
        && let Some((_, text)) = TOPICS.iter().find(|(name, _)| name == topic)
    {
        output::line(text.trim_end());
        return Ok(());
    }
    let mut root = Cli::command();
    root.build();
    let mut command = &mut root;
    for word in asked {
        command = command.find_subcommand_mut(word).ok_or_else(|| {
            Failed::usage(format!(
                "there is no help on `{}`: name a command, exit-codes, formatting or environment",
                safe::line(&asked.join(" "))
            ))
        })?;
    }
    output::line(command.render_long_help().to_string().trim_end());
    Ok(())
}

/// The manual: this program's page, or every page into a folder.
///
/// # Errors
/// If a page can't be written.
pub(crate) fn man(out: Option<&Path>) -> Result<()> {
    let command = Cli::command();
    if let Some(folder) = out {
        return std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(command, folder))
            .with_context(|| format!("could not write into `{}`", folder.display()));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    output::bytes(&page);
    Ok(())
}

/// The completions of a shell.
pub(crate) fn completion(shell: Shell) {
    let mut command = Cli::command();
    let mut text = Vec::new();
    let mut write = |generator: clap_complete::Shell| {
        clap_complete::generate(generator, &mut command, "remit", &mut text);
    };
    match shell {
        Shell::Bash => write(clap_complete::Shell::Bash),
        Shell::Zsh => write(clap_complete::Shell::Zsh),
        Shell::Fish => write(clap_complete::Shell::Fish),
        Shell::Powershell => write(clap_complete::Shell::PowerShell),
        Shell::Elvish => write(clap_complete::Shell::Elvish),
        Shell::Nushell => clap_complete::generate(
            clap_complete_nushell::Nushell,
            &mut command,
            "remit",
            &mut text,
        ),
    }
    output::bytes(&text);
}
