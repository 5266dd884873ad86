//! The command line: `remit NOUN VERB`.
use crate::{config::Overrides, ledger_files::Bodies};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Lends elevated privilege to citizen developers for minutes or hours, and proves afterwards what happened
#[derive(Debug, Parser)]
#[command(
    name = "remit",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a seeded organisation, a small example platform and the portal on this machine
    Demo {
        /// Port of the portal
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// Keep everything in this folder (else a temporary one)
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Drive the whole life of a grant through the HTTP interface, verify the ledger, and stop
        #[arg(long)]
        tour: bool,
    },
    /// Run the server
    Serve {
        /// The configuration
        #[arg(long, env = "REMIT_CONFIG", value_name = "FILE")]
        config: PathBuf,
        /// What wins over it
        #[command(flatten)]
        overrides: Overrides,
    },
    /// The configuration of a server
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The privilege catalog
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// The directory of people
    #[command(subcommand)]
    Directory(DirectoryCommand),
    /// The tamper-evident log
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Accounts that sign in with a password
    #[command(subcommand)]
    Accounts(AccountsCommand),
    /// Tokens of enforcement points, log readers and operators
    #[command(subcommand)]
    Token(TokenCommand),
    /// Print the completions of a shell
    Completion {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// The configuration of a server.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check everything that a server would read, without starting it
    Check {
        /// The configuration
        #[arg(long, env = "REMIT_CONFIG", value_name = "FILE")]
        config: PathBuf,
        /// What wins over it
        #[command(flatten)]
        overrides: Overrides,
    },
}

/// The privilege catalog.
#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    /// Explain every mistake in a bundle, with file, line and column
    Check {
        /// The bundle's folder
        #[arg(value_name = "DIR")]
        bundle: PathBuf,
    },
}

/// The directory of people.
#[derive(Debug, Subcommand)]
pub(crate) enum DirectoryCommand {
    /// Put the people, accounts, groups and delegations of a file on record; the server must not be running
    Import {
        /// A TOML file
        file: PathBuf,
        /// The server's configuration
        #[arg(long, env = "REMIT_CONFIG", value_name = "FILE")]
        config: PathBuf,
        /// What wins over it
        #[command(flatten)]
        overrides: Overrides,
    },
}

/// The tamper-evident log.
#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Write the log as files that anybody can verify; the server may be running
    Export {
        /// The data folder
        #[arg(long, env = "REMIT_DATA", value_name = "DIR")]
        data: PathBuf,
        /// A folder that is new or empty
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Whether people's words leave readable
        #[arg(long, value_enum, default_value_t = Bodies::Sealed)]
        bodies: Bodies,
    },
    /// Check an exported folder, or a `.tlog-proof` file, offline
    Verify {
        /// The folder or file
        #[arg(value_name = "OUT|FILE.tlog-proof")]
        path: PathBuf,
        /// The log's public key, from somebody you trust (not from the export)
        #[arg(long, value_name = "FILE")]
        vkey: PathBuf,
    },
    /// Decide everything in an exported folder again, and name the first decision that differs
    Replay {
        /// The folder
        #[arg(value_name = "OUT")]
        path: PathBuf,
        /// The log's public key, from somebody you trust (not from the export)
        #[arg(long, value_name = "FILE")]
        vkey: PathBuf,
    },
}

/// Accounts that sign in with a password.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountsCommand {
    /// Print the argon2id hash of the password on standard input, for the accounts file
    Hash,
}

/// Tokens of enforcement points, log readers and operators.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Print the SHA-256 of the token on standard input, for the configuration
    Hash,
}
