//! `remit serve --config FILE`: one TOML file, then environment variables (`REMIT_...`), then flags; later ones win. Secrets are
//! named by file, so that no secret is in the configuration itself. Everything is checked before anything is started.
use anyhow::{Context, Result, bail, ensure};
use domain::ids::{GatewayId, PlatformId};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The configuration of a server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Config {
    /// Where the portal and the platforms behind the gateway are reached.
    #[serde(default = "default_listen")]
    pub(crate) listen: SocketAddr,
    /// Where health and metrics are read; loopback only.
    #[serde(default = "default_admin")]
    pub(crate) admin: SocketAddr,
    /// The portal's own origin as browsers see it, such as `https://remit.example`.
    pub(crate) origin: String,
    /// The data folder.
    pub(crate) data: PathBuf,
    /// The folder of the bundle.
    pub(crate) bundle: PathBuf,
    /// The file of accounts and argon2id hashes.
    pub(crate) accounts: PathBuf,
    /// In which zone times are shown (IANA name).
    #[serde(default = "default_zone")]
    pub(crate) zone: String,
    /// Certificate and key, both PEM files.
    pub(crate) tls: Option<Tls>,
    /// HTTP platforms behind the gateway.
    #[serde(default)]
    pub(crate) platform: BTreeMap<PlatformId, PlatformConfig>,
    /// PostgreSQL platforms.
    #[serde(default)]
    pub(crate) postgres: BTreeMap<PlatformId, PostgresConfig>,
    /// Node-RED platforms that ask about tokens.
    #[serde(default)]
    pub(crate) node_red: BTreeMap<PlatformId, NodeRedConfig>,
    /// Enforcement points that run alone: SHA-256 of each one's token, in hexadecimal.
    #[serde(default)]
    pub(crate) gateway_tokens: BTreeMap<GatewayId, String>,
    /// Witnesses of the log, by a name for this file.
    #[serde(default)]
    pub(crate) witness: BTreeMap<String, WitnessTable>,
    /// How many of them must cosign.
    pub(crate) witness_quorum: Option<usize>,
    /// Seconds after which too few are an alarm; 300 if left out.
    pub(crate) witness_alarm_after: Option<u32>,
    /// The SIEM that is told the log's heads.
    pub(crate) siem: Option<SiemTable>,
    /// SHA-256 of tokens that may read the log.
    #[serde(default)]
    pub(crate) read_tokens: Vec<String>,
    /// SHA-256 of tokens that may change the directory.
    #[serde(default)]
    pub(crate) operator_tokens: Vec<String>,
}

/// Certificate and key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// PEM file with the chain.
    pub(crate) certificate: PathBuf,
    /// PEM file with the key.
    pub(crate) key: PathBuf,
}

/// An HTTP platform behind the gateway.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct PlatformConfig {
    /// The host name under which people reach it, such as `nodered.remit.example`.
    pub(crate) host: String,
    /// Where it really is, such as `http://127.0.0.1:1880`.
    pub(crate) upstream: String,
    /// Header of its own credential.
    #[serde(default = "default_header")]
    pub(crate) credential_header: String,
    /// File with the value of that header.
    pub(crate) credential_file: Option<PathBuf>,
}

impl PlatformConfig {
    /// The platform as the gateway knows it, with its secret read.
    ///
    /// # Errors
    /// If the address, header or secret file doesn't work.
    pub(crate) fn site(&self, platform: &PlatformId) -> Result<gateway::site::Site> {
        let header = self.credential_header.parse().with_context(|| {
            format!("`platform.{platform}.credential-header` is no header name")
        })?;
        let secret = self.credential_file.as_deref().map(secret).transpose()?;
        let credential = secret.as_ref().map(|secret| (header, secret.as_str()));
        Ok(gateway::site::Site::new(
            platform.clone(),
            &self.upstream,
            credential,
        )?)
    }
}

/// A witness of the log.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WitnessTable {
    /// Where it takes checkpoints, such as `https://witness.example`.
    pub(crate) url: String,
    /// Its verifier key, as `remit witness key` printed it.
    pub(crate) vkey: String,
}

/// A collector of a SIEM.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SiemTable {
    /// Where it takes syslog, such as `tls://siem.example:6514`.
    pub(crate) syslog: String,
    /// PEM file with the authorities of its certificate; the system's if left out.
    pub(crate) authorities: Option<PathBuf>,
    /// PEM file with the certificate that is shown to it.
    pub(crate) certificate: Option<PathBuf>,
    /// PEM file with the key of that certificate.
    pub(crate) key: Option<PathBuf>,
    /// Seconds between two heads; 60 if left out.
    pub(crate) heads_every: Option<u32>,
}

/// A PostgreSQL platform.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct PostgresConfig {
    /// File with the administrator's connection string.
    pub(crate) connection_file: PathBuf,
    /// Folder of the server's JSON logs, if pgaudit is on.
    pub(crate) audit_logs: Option<PathBuf>,
}

/// A Node-RED that asks about tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct NodeRedConfig {
    /// Where it is.
    pub(crate) address: String,
    /// File with the secret that its settings file brings when it asks.
    pub(crate) hook_secret_file: PathBuf,
    /// Folder of its audit log.
    pub(crate) audit_logs: Option<PathBuf>,
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

fn default_admin() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8081))
}

fn default_zone() -> String {
    "UTC".to_owned()
}

fn default_header() -> String {
    "authorization".to_owned()
}

/// What flags and environment variables say; each wins over the file.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Overrides {
    /// Address of the portal
    #[arg(long, env = "REMIT_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Address of health and metrics
    #[arg(long, env = "REMIT_ADMIN", value_name = "ADDRESS")]
    pub(crate) admin: Option<SocketAddr>,
    /// The data folder
    #[arg(long, env = "REMIT_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The folder of the bundle
    #[arg(long, env = "REMIT_BUNDLE", value_name = "DIR")]
    pub(crate) bundle: Option<PathBuf>,
    /// The file of accounts and argon2id hashes
    #[arg(long, env = "REMIT_ACCOUNTS", value_name = "FILE")]
    pub(crate) accounts: Option<PathBuf>,
}

impl Config {
    /// Reads and checks a configuration; relative paths in it start from its own folder.
    ///
    /// # Errors
    /// With line and column, or the setting's name, what is wrong and what would work.
    pub(crate) fn read(path: &Path, overrides: &Overrides) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("could not read the configuration `{}`", path.display()))?;
        let mut config: Self = toml::from_str(&text)
            .with_context(|| format!("`{}` is not a configuration", path.display()))?;
        config.anchor(path.parent().unwrap_or_else(|| Path::new(".")));
        let Overrides {
            listen,
            admin,
            data,
            bundle,
            accounts,
        } = overrides.clone();
        config.listen = listen.unwrap_or(config.listen);
        config.admin = admin.unwrap_or(config.admin);
        config.data = data.unwrap_or(config.data);
        config.bundle = bundle.unwrap_or(config.bundle);
        config.accounts = accounts.unwrap_or(config.accounts);
        config.check()?;
        Ok(config)
    }

    fn anchor(&mut self, folder: &Path) {
        let mut paths = vec![&mut self.data, &mut self.bundle, &mut self.accounts];
        paths.extend(
            self.tls
                .iter_mut()
                .flat_map(|tls| [&mut tls.certificate, &mut tls.key]),
        );
        paths.extend(
            self.platform
                .values_mut()
                .filter_map(|platform| platform.credential_file.as_mut()),
        );
        if let Some(siem) = &mut self.siem {
            let files = [&mut siem.authorities, &mut siem.certificate, &mut siem.key];
            paths.extend(files.into_iter().flatten());
        }
        for postgres in self.postgres.values_mut() {
            paths.push(&mut postgres.connection_file);
            paths.extend(postgres.audit_logs.as_mut());
        }
        for node_red in self.node_red.values_mut() {
            paths.push(&mut node_red.hook_secret_file);
            paths.extend(node_red.audit_logs.as_mut());
        }
        for path in paths {
            *path = folder.join(&*path);
        }
    }

    fn check(&self) -> Result<()> {
        let tls = self.tls.is_some();
        ensure!(
            tls || self.listen.ip().is_loopback(),
            "`listen` is `{}`, which is not on this machine: set `tls.certificate` and `tls.key`, or listen on 127.0.0.1",
            self.listen
        );
        ensure!(
            self.admin.ip().is_loopback(),
            "`admin` is `{}`: health and metrics are for this machine only, listen on 127.0.0.1",
            self.admin
        );
        let origin: http::Uri = self
            .origin
            .parse()
            .with_context(|| format!("`origin` is `{}`: write `https://HOST`", self.origin))?;
        ensure!(
            origin.path() == "/"
                && !self.origin.ends_with('/')
                && matches!(origin.scheme_str(), Some("http" | "https")),
            "`origin` is `{}`: write scheme, host and port only, such as `https://remit.example`",
            self.origin
        );
        ensure!(
            origin.scheme_str() == Some("https")
                || matches!(origin.host(), Some("localhost" | "127.0.0.1")),
            "`origin` is `{}`: plain HTTP is for `http://localhost` only",
            self.origin
        );
        for (platform, settings) in &self.platform {
            let host = settings.host.to_ascii_lowercase();
            ensure!(
                Some(host.as_str()) != origin.host(),
                "`platform.{platform}.host` is the portal's own host: each platform needs a host name of its own, because cookies ignore ports"
            );
        }
        jiff::tz::TimeZone::get(&self.zone).with_context(|| {
            format!(
                "`zone` is `{}`: write an IANA name such as `Europe/Berlin`",
                self.zone
            )
        })?;
        ensure!(
            self.bundle.is_dir(),
            "`bundle` is `{}`, which is no folder",
            self.bundle.display()
        );
        ensure!(
            self.accounts.is_file(),
            "`accounts` is `{}`, which is no file: `remit accounts hash` prints lines for it",
            self.accounts.display()
        );
        Ok(())
    }
}

/// A secret from a file, without its last line feed.
///
/// # Errors
/// If the file can't be read or is empty.
pub(crate) fn secret(path: &Path) -> Result<Zeroizing<String>> {
    let text = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .with_context(|| format!("could not read the secret in `{}`", path.display()))?;
    let secret = Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned());
    if secret.is_empty() {
        bail!("the secret in `{}` is empty", path.display());
    }
    Ok(secret)
}

/// All files of a bundle's folder.
///
/// # Errors
/// If one can't be read or doesn't belong in a bundle.
pub(crate) fn bundle(folder: &Path) -> Result<policy::BundleFiles> {
    let mut files = BTreeMap::new();
    read_folder(folder, folder, &mut files)
        .with_context(|| format!("could not read the bundle in `{}`", folder.display()))?;
    policy::BundleFiles::new(files)
        .with_context(|| format!("`{}` is not a bundle", folder.display()))
}

fn read_folder(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read_folder(root, &path, files)?;
            continue;
        }
        let name = path
            .strip_prefix(root)?
            .to_str()
            .context("a file name is not UTF-8")?
            .to_owned();
        files.insert(name, std::fs::read(&path)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(extra: &str, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("remit.toml");
        std::fs::create_dir(folder.path().join("b")).unwrap();
        std::fs::write(folder.path().join("a.toml"), "").unwrap();
        let base = "data = \"d\"\nbundle = \"b\"\naccounts = \"a.toml\"\n";
        let origin = if extra.contains("origin") {
            ""
        } else {
            "origin = \"http://localhost:8080\"\n"
        };
        std::fs::write(&path, format!("{origin}{base}{extra}")).unwrap();
        let actual = match Config::read(&path, &Overrides::default()) {
            Ok(config) => format!(
                "{} {}",
                config.listen,
                config.data.strip_prefix(folder.path()).unwrap().display()
            ),
            Err(error) => error
                .chain()
                .last()
                .unwrap()
                .to_string()
                .lines()
                .last()
                .unwrap()
                .to_owned(),
        };
        assert_eq!(actual, expected);
    }

    #[test]
    fn a_setting_that_would_not_work_is_named_with_what_would() {
        check("", "127.0.0.1:8080 d");
        check(
            "listen = \"0.0.0.0:80\"\n",
            "`listen` is `0.0.0.0:80`, which is not on this machine: set `tls.certificate` and `tls.key`, or listen on 127.0.0.1",
        );
        check(
            "admin = \"0.0.0.0:80\"\n",
            "`admin` is `0.0.0.0:80`: health and metrics are for this machine only, listen on 127.0.0.1",
        );
        check(
            "origin = \"http://remit.example\"\n",
            "`origin` is `http://remit.example`: plain HTTP is for `http://localhost` only",
        );
        check(
            "origin = \"https://remit.example/x\"\n",
            "`origin` is `https://remit.example/x`: write scheme, host and port only, such as `https://remit.example`",
        );
        check(
            "[platform.x]\nhost = \"localhost\"\nupstream = \"http://127.0.0.1:1\"\n",
            "`platform.x.host` is the portal's own host: each platform needs a host name of its own, because cookies ignore ports",
        );
    }
}
