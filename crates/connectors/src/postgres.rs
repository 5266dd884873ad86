//! Temporary PostgreSQL roles. `VALID UNTIL` only stops new logins, so taking a role away means: no login, end its sessions, hand
//! on what it made, drop its rights and itself, and read the catalogs back. The password is hashed here, so that no log of the
//! server ever has it.
use domain::{
    catalog::{Provisioning, TableRight},
    grant::CredentialKind,
    ids::PlatformId,
    time::Timestamp,
};
use engine::ports::{
    Connector, ConnectorError, Eventually, Job, OneTimeSecret, Provisioned, Random,
};
use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};
use tokio_postgres::{Client, Config, NoTls, config::Host};
use zeroize::Zeroizing;

/// How often sessions are looked for after they were told to end, and how long each wait is.
const SESSION_LOOKS: u32 = 200;
const SESSION_LOOK_MS: u64 = 5;

/// Two transactions that change the rights on one table at a time would fail with "tuple concurrently updated": ours take turns.
const TAKE_TURNS: &str = "SELECT pg_advisory_xact_lock(hashtext('remit'))";

/// Makes and takes away roles in one PostgreSQL database.
pub struct PostgresConnector {
    admin: Config,
    public_address: String,
    database: String,
    audited: Audited,
    random: Arc<dyn Random>,
}

/// Whether the server has pgaudit, so that a role's statements can be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audited {
    /// Each role is set up to log all its statements through pgaudit.
    ByPgaudit,
    /// The server has no pgaudit.
    No,
}

/// Why a connector can't be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostgresConfigError {
    /// Not a connection string.
    #[error(
        "the connection string of `{platform}` cannot be read: write `postgresql://USER:PASSWORD@127.0.0.1:5432/DATABASE`"
    )]
    Unreadable {
        /// Which platform.
        platform: PlatformId,
    },
    /// Plain connections are for this machine only.
    #[error(
        "`{host}` is not on this machine: a database is reached over loopback or a socket (use a tunnel with TLS for others)"
    )]
    NotLoopback {
        /// What was given.
        host: String,
    },
    /// No database is named.
    #[error("the connection string of `{platform}` names no database")]
    NoDatabase {
        /// Which platform.
        platform: PlatformId,
    },
}

impl fmt::Debug for PostgresConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConnector")
            .field("public_address", &self.public_address)
            .finish_non_exhaustive()
    }
}

impl PostgresConnector {
    /// A connector that works as the administrator of `connection` (a `postgresql://` URL or key-value string).
    ///
    /// # Errors
    /// [`PostgresConfigError`] says what would work; it never repeats the connection string, which has a password.
    pub fn new(
        platform: &PlatformId,
        connection: &str,
        audited: Audited,
        random: Arc<dyn Random>,
    ) -> Result<Self, PostgresConfigError> {
        let mut admin: Config =
            connection
                .parse()
                .map_err(|_| PostgresConfigError::Unreadable {
                    platform: platform.clone(),
                })?;
        admin
            .application_name("remit")
            .connect_timeout(Duration::from_secs(5));
        let mut public_host = None;
        for host in admin.get_hosts() {
            match host {
                Host::Tcp(name) if is_loopback(name) => {
                    public_host = public_host.or(Some(name.clone()));
                }
                Host::Tcp(name) => {
                    return Err(PostgresConfigError::NotLoopback { host: name.clone() });
                }
                Host::Unix(_) => {}
            }
        }
        let database = admin
            .get_dbname()
            .ok_or_else(|| PostgresConfigError::NoDatabase {
                platform: platform.clone(),
            })?
            .to_owned();
        let port = admin.get_ports().first().copied().unwrap_or(5432);
        let public_address = format!("{}:{port}", public_host.as_deref().unwrap_or("127.0.0.1"));
        Ok(Self {
            admin,
            public_address,
            database,
            audited,
            random,
        })
    }

    async fn connect(&self) -> Result<Client, ConnectorError> {
        let (client, connection) = self
            .admin
            .connect(NoTls)
            .await
            .map_err(|error| failed("connect", &error))?;
        // ends by itself when the client is dropped
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(error = %error, "a connection to PostgreSQL broke off");
            }
        });
        Ok(client)
    }

    async fn make(&self, job: &Job) -> Result<Provisioned, ConnectorError> {
        let role = role_of(job)?;
        let Provisioning::PostgresRole { rights } = &job.terms.provisioning else {
            return Err(refused(
                "this grant is not put into effect by a database role",
            ));
        };
        let expires_at = job
            .expires_at
            .ok_or_else(|| refused("the grant has no end"))?;
        let mut tables = Vec::new();
        for native in job.natives.values() {
            tables.push(table(native)?);
        }
        let password = self.password();
        let verifier = postgres_protocol::password::scram_sha_256(password.as_bytes());
        let mut client = self.connect().await?;
        let exists = role_oid(&client, role).await?.is_some();
        let transaction = client
            .transaction()
            .await
            .map_err(|error| failed("begin", &error))?;
        transaction
            .batch_execute(TAKE_TURNS)
            .await
            .map_err(|error| failed("take turns", &error))?;
        let statements = statements(&NewRole {
            role,
            exists,
            verifier: &verifier,
            expires_at,
            tables: &tables,
            rights: &rights.iter().copied().collect::<Vec<_>>(),
            audited: self.audited,
            note: &format!("Remit {} credential {}", job.terms.number, job.credential),
        });
        for statement in statements {
            transaction
                .batch_execute(&statement)
                .await
                .map_err(|error| failed("make the role", &error))?;
        }
        transaction
            .commit()
            .await
            .map_err(|error| failed("commit", &error))?;
        let secret = Zeroizing::new(format!(
            "postgresql://{role}:{}@{}/{}",
            password.as_str(),
            self.public_address,
            self.database
        ));
        Ok(Provisioned {
            expires_at,
            secret: Some(OneTimeSecret(secret)),
        })
    }

    async fn extend(&self, job: &Job) -> Result<Timestamp, ConnectorError> {
        let role = role_of(job)?;
        let expires_at = job
            .expires_at
            .ok_or_else(|| refused("the grant has no end"))?;
        let client = self.connect().await?;
        let statement = format!(
            "ALTER ROLE {} VALID UNTIL {}",
            quoted(role),
            literal(&instant(expires_at))
        );
        client
            .batch_execute(&statement)
            .await
            .map_err(|error| failed("extend the role", &error))?;
        Ok(expires_at)
    }

    async fn take_away(&self, role: &str) -> Result<String, ConnectorError> {
        let mut client = self.connect().await?;
        let Some(oid) = role_oid(&client, role).await? else {
            return read_back(&client, role, None, 0).await;
        };
        // committed by itself and first: from here on nobody can log in any more, whatever fails later
        client
            .batch_execute(&format!("ALTER ROLE {} NOLOGIN", quoted(role)))
            .await
            .map_err(|error| failed("stop logins", &error))?;
        end_sessions(&client, oid).await?;
        let transaction = client
            .transaction()
            .await
            .map_err(|error| failed("begin", &error))?;
        transaction
            .batch_execute(TAKE_TURNS)
            .await
            .map_err(|error| failed("take turns", &error))?;
        let kept = transaction
            .query_one("SELECT count(*) FROM pg_class WHERE relowner = $1", &[&oid])
            .await
            .and_then(|row| row.try_get::<_, i64>(0))
            .map_err(|error| failed("look for what the role made", &error))?;
        // what the role made outlives it in the hands of the administrator; only its rights go
        let drop = format!(
            "REASSIGN OWNED BY {0} TO CURRENT_USER; DROP OWNED BY {0}; DROP ROLE {0}",
            quoted(role)
        );
        transaction
            .batch_execute(&drop)
            .await
            .map_err(|error| failed("drop the role", &error))?;
        transaction
            .commit()
            .await
            .map_err(|error| failed("commit", &error))?;
        // a login that was under way before NOLOGIN shows only now
        end_sessions(&client, oid).await?;
        read_back(&client, role, Some(oid), kept).await
    }

    fn password(&self) -> Zeroizing<String> {
        use base64::Engine as _;
        let mut bits = Zeroizing::new([0_u8; 24]);
        self.random.fill(bits.as_mut());
        Zeroizing::new(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bits.as_ref()))
    }
}

impl Connector for PostgresConnector {
    fn provision<'a>(
        &'a self,
        job: &'a Job,
    ) -> Eventually<'a, Result<Provisioned, ConnectorError>> {
        Box::pin(self.make(job))
    }

    fn renew<'a>(&'a self, job: &'a Job) -> Eventually<'a, Result<Timestamp, ConnectorError>> {
        Box::pin(self.extend(job))
    }

    fn remove<'a>(&'a self, job: &'a Job) -> Eventually<'a, Result<String, ConnectorError>> {
        Box::pin(async move { self.take_away(role_of(job)?).await })
    }

    fn list(&self) -> Eventually<'_, Result<BTreeSet<String>, ConnectorError>> {
        Box::pin(async move {
            let client = self.connect().await?;
            let rows = client
                .query(
                    "SELECT rolname FROM pg_roles WHERE rolname LIKE 'remit\\_g%' AND rolname <> current_user",
                    &[],
                )
                .await
                .map_err(|error| failed("list the roles", &error))?;
            let names = rows.iter().map(|row| row.try_get::<_, String>(0));
            let names = names.collect::<Result<BTreeSet<_>, _>>();
            let mut names = names.map_err(|error| failed("list the roles", &error))?;
            names.retain(|name| is_ours(name));
            Ok(names)
        })
    }

    fn end<'a>(&'a self, name: &'a str) -> Eventually<'a, Result<String, ConnectorError>> {
        Box::pin(async move {
            if !is_ours(name) {
                return Err(refused("this is no name that Remit gives to a role"));
            }
            self.take_away(name).await
        })
    }
}

async fn role_oid(client: &Client, role: &str) -> Result<Option<u32>, ConnectorError> {
    client
        .query_opt("SELECT oid FROM pg_roles WHERE rolname = $1", &[&role])
        .await
        .and_then(|row| row.map(|row| row.try_get(0)).transpose())
        .map_err(|error| failed("look for the role", &error))
}

async fn end_sessions(client: &Client, oid: u32) -> Result<(), ConnectorError> {
    for _ in 0..SESSION_LOOKS {
        let ended = client
            .query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = $1",
                &[&oid],
            )
            .await
            .map_err(|error| failed("end the role's sessions", &error))?;
        if ended.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(SESSION_LOOK_MS)).await;
    }
    Err(refused("sessions of the role would not end"))
}

async fn read_back(
    client: &Client,
    role: &str,
    oid: Option<u32>,
    kept: i64,
) -> Result<String, ConnectorError> {
    let row = client
        .query_one(
            "SELECT (SELECT count(*) FROM pg_roles WHERE rolname = $1), \
                    (SELECT count(*) FROM pg_stat_activity WHERE usename = $1 OR usesysid = $2)",
            &[&role, &oid],
        )
        .await
        .map_err(|error| failed("read back", &error))?;
    let count = |at: usize| {
        row.try_get::<_, i64>(at)
            .map_err(|error| failed("read back", &error))
    };
    let (roles, sessions) = (count(0)?, count(1)?);
    if roles != 0 || sessions != 0 {
        return Err(refused(&format!(
            "read back: {roles} roles and {sessions} sessions are still there"
        )));
    }
    let kept = if kept == 0 {
        String::new()
    } else {
        format!("; {kept} objects it made were handed to the administrator")
    };
    Ok(format!("role `{role}` is gone: 0 roles, 0 sessions{kept}"))
}

/// A role to be made, with everything it gets.
struct NewRole<'a> {
    role: &'a str,
    exists: bool,
    verifier: &'a str,
    expires_at: Timestamp,
    tables: &'a [(String, String)],
    rights: &'a [TableRight],
    audited: Audited,
    note: &'a str,
}

fn statements(new: &NewRole<'_>) -> Vec<String> {
    let role = quoted(new.role);
    let verb = if new.exists { "ALTER" } else { "CREATE" };
    let mut statements = vec![
        format!(
            "{verb} ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT CONNECTION LIMIT 5 PASSWORD {} VALID UNTIL {}",
            literal(new.verifier),
            literal(&instant(new.expires_at))
        ),
        format!("COMMENT ON ROLE {role} IS {}", literal(new.note)),
    ];
    if new.audited == Audited::ByPgaudit {
        statements.push(format!("ALTER ROLE {role} SET pgaudit.log = 'all'"));
        // without it a line doesn't say which tables a statement touched
        statements.push(format!("ALTER ROLE {role} SET pgaudit.log_relation = on"));
    }
    let rights: Vec<&str> = new.rights.iter().map(|right| right_name(*right)).collect();
    for (schema, name) in new.tables {
        let (schema, name) = (quoted(schema), quoted(name));
        statements.push(format!("GRANT USAGE ON SCHEMA {schema} TO {role}"));
        statements.push(format!(
            "GRANT {} ON TABLE {schema}.{name} TO {role}",
            rights.join(", ")
        ));
    }
    statements
}

fn right_name(right: TableRight) -> &'static str {
    match right {
        TableRight::Select => "SELECT",
        TableRight::Insert => "INSERT",
        TableRight::Update => "UPDATE",
        TableRight::Delete => "DELETE",
    }
}

/// Whether a role has a name that Remit gives: `remit_g`, the grant's number, and six hexadecimal digits. Nothing else is touched.
fn is_ours(name: &str) -> bool {
    let parts = name
        .strip_prefix("remit_g")
        .and_then(|rest| rest.split_once('_'));
    parts.is_some_and(|(number, mark)| {
        !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && mark.len() == 6
            && mark
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn role_of(job: &Job) -> Result<&str, ConnectorError> {
    match &job.kind {
        CredentialKind::PostgresRole { role } => Ok(role),
        CredentialKind::AccessToken
        | CredentialKind::GatewaySession
        | CredentialKind::NodeRedToken => Err(refused("this credential is not a database role")),
    }
}

fn table(native: &str) -> Result<(String, String), ConnectorError> {
    match native.split_once('.') {
        Some((schema, name)) if !schema.is_empty() && !name.is_empty() && !name.contains('.') => {
            Ok((schema.to_owned(), name.to_owned()))
        }
        _ => Err(refused(&format!(
            "`{native}` is not a table: the catalog's `native` must be `schema.table`"
        ))),
    }
}

fn instant(at: Timestamp) -> String {
    // whole seconds, rounded down: the target must never outlast the grant
    let whole =
        jiff::Timestamp::from_second(at.0.div_euclid(1_000)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    whole.strftime("%Y-%m-%d %H:%M:%S+00").to_string()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn refused(because: &str) -> ConnectorError {
    ConnectorError {
        because: because
            .chars()
            .filter(|c| !c.is_control())
            .take(300)
            .collect(),
    }
}

fn failed(what: &str, error: &tokio_postgres::Error) -> ConnectorError {
    // the server's own message; it never repeats a password, which only ever was a verifier
    let message = error.as_db_error().map_or_else(
        || "the connection failed".to_owned(),
        |error| error.message().to_owned(),
    );
    refused(&format!("could not {what}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Zeros;
    impl Random for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    #[test]
    fn statements_quote_every_name_and_never_carry_the_password() {
        let tables = [("fin\"ance".to_owned(), "invoices".to_owned())];
        let new = NewRole {
            role: "remit_g1",
            exists: false,
            verifier: "SCRAM-SHA-256$4096:it's",
            expires_at: Timestamp(1_795_435_200_999),
            tables: &tables,
            rights: &[TableRight::Select, TableRight::Update],
            audited: Audited::ByPgaudit,
            note: "Remit G-1",
        };
        insta::assert_snapshot!(statements(&new).join("\n"), @r#"
        CREATE ROLE "remit_g1" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT CONNECTION LIMIT 5 PASSWORD 'SCRAM-SHA-256$4096:it''s' VALID UNTIL '2026-11-23 12:00:00+00'
        COMMENT ON ROLE "remit_g1" IS 'Remit G-1'
        ALTER ROLE "remit_g1" SET pgaudit.log = 'all'
        ALTER ROLE "remit_g1" SET pgaudit.log_relation = on
        GRANT USAGE ON SCHEMA "fin""ance" TO "remit_g1"
        GRANT SELECT, UPDATE ON TABLE "fin""ance"."invoices" TO "remit_g1"
        "#);
    }

    #[test]
    fn only_names_that_are_given_here_are_taken_for_ours() {
        for ours in ["remit_g1_0a1b2c", "remit_g48211_ffffff"] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in [
            "remit",
            "remit_g_0a1b2c",
            "remit_g1_0a1b2",
            "remit_g1_0a1b2c3",
            "remit_g1_0A1B2C",
            "remit_grafana",
            "remit_g1x_0a1b2c",
            "xremit_g1_0a1b2c",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[test]
    fn the_target_never_outlasts_the_grant() {
        assert_eq!(instant(Timestamp(0)), "1970-01-01 00:00:00+00");
        assert_eq!(
            instant(Timestamp(951_782_399_999)),
            "2000-02-28 23:59:59+00"
        );
        assert_eq!(
            instant(Timestamp(951_782_400_000)),
            "2000-02-29 00:00:00+00"
        );
        assert_eq!(instant(Timestamp(-1)), "1969-12-31 23:59:59+00");
    }

    #[track_caller]
    fn check(connection: &str, expected: &str) {
        let made = PostgresConnector::new(
            &"warehouse".parse().unwrap(),
            connection,
            Audited::No,
            Arc::new(Zeros),
        );
        let actual = made.map_or_else(
            |error| error.to_string(),
            |connector| connector.public_address,
        );
        assert_eq!(actual, expected);
    }

    #[test]
    fn a_connection_string_must_lead_to_this_machine() {
        check("postgresql://a:b@127.0.0.1:5433/c", "127.0.0.1:5433");
        check("host=/run/postgresql user=a dbname=c", "127.0.0.1:5432");
        check(
            "postgresql://a:b@db.example/c",
            "`db.example` is not on this machine: a database is reached over loopback or a socket (use a tunnel with TLS for others)",
        );
        check(
            "postgresql://a:b@127.0.0.1",
            "the connection string of `warehouse` names no database",
        );
        check(
            "postgresql://a:b@127.0.0.1:x/c",
            "the connection string of `warehouse` cannot be read: write `postgresql://USER:PASSWORD@127.0.0.1:5432/DATABASE`",
        );
    }
}
