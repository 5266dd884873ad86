//! The command line: `remit NOUN VERB`.
use crate::{
    client::{BundleCommand, Connection, GrantCommand, RequestCommand},
    config::Overrides,
    ledger_files::Bodies,
};
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
    /// Run an enforcement point alone, beside its platforms, deciding and recording at a server
    Gateway {
        /// The server, such as `https://remit.example`
        #[arg(long, env = "REMIT_SERVER", value_name = "URL")]
        server: String,
        /// The configuration of the enforcement point
        #[arg(long, env = "REMIT_CONFIG", value_name = "FILE")]
        config: PathBuf,
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
    /// Sign in at a server with the password on standard input, and print a token
    Login {
        /// Who
        account: String,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Say who the token is
    Whoami {
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Ask for a privilege, and follow what you asked for
    Request {
        /// What to do
        #[command(subcommand)]
        command: RequestCommand,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Consent to a request as it is now
    Approve {
        /// Such as R-1042
        number: String,
        /// Why
        #[arg(long)]
        comment: String,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Say no to a request
    Deny {
        /// Such as R-1042
        number: String,
        /// Why, and what to do instead
        #[arg(long)]
        reason: String,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Ask the requester something before you decide
    Ask {
        /// Such as R-1042
        number: String,
        /// What
        text: String,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Look at grants, and end them
    Grant {
        /// What to do
        #[command(subcommand)]
        command: GrantCommand,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Search who did what, when, why and under which rule
    Evidence {
        /// What to do
        #[command(subcommand)]
        command: EvidenceCommand,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Propose and confirm bundles of catalog and policies
    Bundle {
        /// What to do
        #[command(subcommand)]
        command: BundleCommand,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
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
    /// List what can be asked for at a server
    List {
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Show one privilege
    Show {
        /// Such as ledgerly-run-flow
        privilege: domain::ids::PrivilegeId,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
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

/// What people look for.
#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    /// Find entries with all of these words, newest first
    Search {
        /// Words
        words: String,
    },
}
