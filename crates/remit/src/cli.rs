//! The command line: `remit NOUN VERB`.
use crate::{
    backup::BackupCommand,
    client::Connection,
    commands::{
        bundle::BundleCommand,
        catalog::CatalogCommand,
        decide::{Approval, Denial, Question},
        doctor::Patient,
        evidence::EvidenceCommand,
        grant::GrantCommand,
        keeping::{HoldCommand, PersonCommand},
        ledger::{Head, Proof},
        manual::Shell,
        quarantine::QuarantineCommand,
        raw::Call,
        request::RequestCommand,
        review::ReviewCommand,
        session::SignIn,
    },
    config::Overrides,
    ledger_files::Bodies,
    render::Style,
};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Lends elevated privilege to citizen developers for minutes or hours, and proves afterwards what happened
#[derive(Debug, Parser)]
#[command(
    name = "remit",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "`remit help exit-codes`, `remit help formatting` and `remit help environment` explain what all commands share."
)]
pub(crate) struct Cli {
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How results are written
    #[command(flatten)]
    pub(crate) style: Style,
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
    /// Run a witness, which cosigns the checkpoints of other servers' logs
    #[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
    Witness {
        /// What else to do
        #[command(subcommand)]
        command: Option<WitnessCommand>,
        /// The configuration of the witness
        #[arg(long, env = "REMIT_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Backups of a data folder
    #[command(subcommand)]
    Backup(BackupCommand),
    /// The configuration of a server
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look through a data folder, which may be in use: everything in it that can be worked out again is
    Doctor(Patient),
    /// What can be asked for
    Catalog {
        /// What to do
        #[command(subcommand)]
        command: CatalogCommand,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
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
    /// Sign in at a server with the password that is typed or piped, and print a token
    Login {
        #[command(flatten)]
        login: SignIn,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// End the session whose token is used
    Logout {
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
        #[command(flatten)]
        approval: Approval,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Say no to a request
    Deny {
        #[command(flatten)]
        denial: Denial,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Ask the requester something before you decide
    Ask {
        #[command(flatten)]
        question: Question,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Look at grants, use them, and end them
    Grant {
        /// What to do
        #[command(subcommand)]
        command: GrantCommand,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Look back: was the use what the purpose said?
    Review {
        /// What to do
        #[command(subcommand)]
        command: ReviewCommand,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Find who did what, when, why and under which rule
    Evidence {
        /// What to do
        #[command(subcommand)]
        command: EvidenceCommand,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// People who left: take them out of the directory, forget them
    Person {
        /// What to do
        #[command(subcommand)]
        command: PersonCommand,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Words that must be kept, whatever the retention says
    LegalHold {
        /// What to do
        #[command(subcommand)]
        command: HoldCommand,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Other rules, put in force by two persons
    Bundle {
        /// What to do
        #[command(subcommand)]
        command: BundleCommand,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// What a restored server must do before it gives anything
    Quarantine {
        /// What to do
        #[command(subcommand)]
        command: QuarantineCommand,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Call the server's interface as `docs/openapi.json` describes it
    Api {
        #[command(flatten)]
        call: Call,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Print the completions of a shell
    Completion {
        /// Which shell
        shell: Shell,
    },
    /// Print the manual page, or write every page into a folder
    Man {
        /// Where
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Explain a command, or exit-codes, formatting, environment
    Help {
        /// What
        #[arg(value_name = "COMMAND|TOPIC")]
        topic: Vec<String>,
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

/// What a witness needs.
#[derive(Debug, Subcommand)]
pub(crate) enum WitnessCommand {
    /// Make a signing key, and print the key that servers and auditors verify with
    Key {
        /// The witness's name, best a URL without scheme, such as `witness.example/w1`
        #[arg(long)]
        name: ledger::WitnessName,
        /// A new file for the signing key
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// The directory of people.
#[derive(Debug, Subcommand)]
pub(crate) enum DirectoryCommand {
    /// List people: ids and names
    List {
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
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
        /// The public key of a witness that must have cosigned, from somebody you trust; once for each
        #[arg(long, value_name = "FILE")]
        witness: Vec<PathBuf>,
        /// How many of these witnesses must have cosigned (else all)
        #[arg(long, value_name = "K", requires = "witness")]
        quorum: Option<usize>,
    },
    /// Find out whether a log was cut or rewritten since somebody was given a receipt
    CheckReceipt {
        /// A `.tlog-proof` file, or a checkpoint, from earlier
        receipt: PathBuf,
        /// The exported folder
        #[arg(value_name = "OUT")]
        path: PathBuf,
        /// The log's public key, from somebody you trust (not from the export)
        #[arg(long, value_name = "FILE")]
        vkey: PathBuf,
    },
    /// Print the newest signed head of the log, of a server or of a data folder
    Checkpoint {
        #[command(flatten)]
        checkpoint: Head,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Show who cosigns a server's log, and how long ago each last did
    Witnesses {
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Write one entry as a `.tlog-proof` file that anybody can check, from a server or from a data folder
    Prove {
        #[command(flatten)]
        proof: Proof,
        /// Where
        #[command(flatten)]
        connection: Connection,
    },
    /// Decide everything in an exported folder again, and name the first decision that differs
    Replay {
        /// The folder
        #[arg(value_name = "OUT")]
        path: PathBuf,
        /// The log's public key, from somebody you trust (not from the export)
        #[arg(long, value_name = "FILE")]
        vkey: PathBuf,
        /// Stop at this instant, such as `2026-11-23T12:15:00+01:00`, and list who could do what then
        #[arg(long, value_name = "TIME")]
        as_of: Option<jiff::Timestamp>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn no_two_flags_of_a_command_collide() {
        Cli::command().debug_assert();
    }
}
