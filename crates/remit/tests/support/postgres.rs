//! A PostgreSQL of the tests' own.
use super::{free_port, run};
use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A private PostgreSQL cluster with pgaudit, gone when dropped.
pub struct Postgres {
    folder: TempDir,
    bin: PathBuf,
    port: u16,
}

impl Postgres {
    pub fn start() -> Self {
        let bin = PathBuf::from(std::env::var_os("REMIT_TEST_PG_BIN").expect("REMIT_TEST_PG_BIN names the folder of PostgreSQL's programs: run `cargo xtask test --only real`"));
        let folder = tempfile::tempdir().unwrap();
        let postgres = Self {
            folder,
            bin,
            port: free_port(),
        };
        let top = postgres.folder.path();
        fs::create_dir(top.join("log")).unwrap();
        fs::write(top.join("password"), "admin").unwrap();
        if is_root() {
            run(Command::new("chown")
                .arg("-R")
                .arg("postgres:postgres")
                .arg(top));
            run(Command::new("chmod").arg("755").arg(top));
        }
        run(postgres.program("initdb").args([
            "-D",
            &postgres.path("data"),
            "-U",
            "admin",
            "-A",
            "scram-sha-256",
            "--pwfile",
            &postgres.path("password"),
            "-E",
            "UTF8",
        ]));
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\nshared_preload_libraries = 'pgaudit'\nlogging_collector = on\n\
             log_destination = 'jsonlog'\nlog_directory = '{}'\nlog_filename = 'postgresql-%Y%m%d_%H%M%S'\nlog_timezone = 'UTC'\nlog_file_mode = 0644\nfsync = off\n",
            postgres.port,
            postgres.path("log")
        );
        let conf = top.join("data/postgresql.conf");
        let old = fs::read_to_string(&conf).unwrap();
        fs::write(&conf, old + &settings).unwrap();
        run(postgres.program("pg_ctl").args([
            "-D",
            &postgres.path("data"),
            "-w",
            "-t",
            "60",
            "-l",
            &postgres.path("start.log"),
            "start",
        ]));
        postgres.sql("CREATE EXTENSION pgaudit; CREATE SCHEMA finance; CREATE SCHEMA finance_test; CREATE SCHEMA operations;\n\
             CREATE TABLE finance.invoices (id int, amount int); INSERT INTO finance.invoices SELECT n, n * 10 FROM generate_series(1, 100) n;\n\
             CREATE TABLE finance.bank_accounts (id int); CREATE TABLE finance_test.invoices (id int, amount int); CREATE TABLE operations.stock (id int)");
        postgres
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// One of PostgreSQL's programs; it refuses to run as root.
    fn program(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
                .arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir("/").stdin(Stdio::null());
        command
    }

    /// The administrator's connection string.
    pub fn admin(&self) -> String {
        format!("postgresql://admin:admin@127.0.0.1:{}/postgres", self.port)
    }

    pub fn logs(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// What the administrator's statement answers.
    pub fn sql(&self, statement: &str) -> String {
        let output = psql(&self.admin(), statement).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// How many roles of Remit there are.
    pub fn roles(&self) -> String {
        self.sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'remit\\_%'")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self
            .program("pg_ctl")
            .args(["-D", &self.path("data"), "-m", "immediate", "stop"])
            .output();
    }
}

/// `psql` with a connection string, printing bare values.
pub fn psql(connection: &str, statement: &str) -> Command {
    let mut command = Command::new("psql");
    command
        .args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            connection,
            "-c",
            statement,
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}
