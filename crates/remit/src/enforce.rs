//! `remit gateway --server URL`: an enforcement point that runs alone, beside its platforms. It holds no log and decides nothing:
//! a server that can't be reached means no.
use crate::{
    config::{self, PlatformConfig, Tls},
    listen::{self, Answering},
    ports::{MachineClock, MachineRandom},
    shutdown, tls,
};
use anyhow::{Context, Result, ensure};
use domain::ids::{GatewayId, PlatformId};
use engine::ports::Clock;
use gateway::{gateway::Gateway, remote::RemoteAuthority};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_util::sync::CancellationToken;

/// The configuration of an enforcement point.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Enforcement {
    /// Its name, as the server's `gateway-tokens` has it.
    id: GatewayId,
    /// File with its token.
    token_file: PathBuf,
    /// Where callers reach it.
    listen: SocketAddr,
    /// Certificate and key, both PEM files.
    tls: Option<Tls>,
    /// Platforms behind it.
    platform: BTreeMap<PlatformId, PlatformConfig>,
}

impl Enforcement {
    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("could not read the configuration `{}`", path.display()))?;
        let mut enforcement: Self = toml::from_str(&text).with_context(|| {
            format!(
                "`{}` is not a configuration of an enforcement point",
                path.display()
            )
        })?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let mut paths = vec![&mut enforcement.token_file];
        paths.extend(
            enforcement
                .tls
                .iter_mut()
                .flat_map(|tls| [&mut tls.certificate, &mut tls.key]),
        );
        paths.extend(
            enforcement
                .platform
                .values_mut()
                .filter_map(|platform| platform.credential_file.as_mut()),
        );
        for path in paths {
            *path = folder.join(&*path);
        }
        ensure!(
            !enforcement.platform.is_empty(),
            "`{}` names no platform: an enforcement point needs at least one `[platform.ID]`",
            path.display()
        );
        Ok(enforcement)
    }
}

/// Runs until it is asked to stop.
///
/// # Errors
/// If it can't be started: the configuration, the token, the address.
pub(crate) async fn run(server: String, config: PathBuf) -> Result<()> {
    let enforcement = Enforcement::read(&config)?;
    let token = config::secret(&enforcement.token_file)?;
    let clock: Arc<dyn Clock> = Arc::new(MachineClock::start());
    let authority = Arc::new(RemoteAuthority::new(&server, &token, clock.clone())?);
    let mut sites = BTreeMap::new();
    for (platform, settings) in &enforcement.platform {
        sites.insert(settings.host.to_ascii_lowercase(), settings.site(platform)?);
    }
    let acceptor = tls::acceptor(enforcement.tls.as_ref())?;
    let listener = listen::bind(enforcement.listen, acceptor.is_some()).await?;
    let portal = server.trim_end_matches('/').to_owned();
    let gateway = Arc::new(
        Gateway::new(gateway::gateway::Parts {
            id: enforcement.id,
            authority: authority.clone(),
            sites,
            issuer: portal.clone(),
            portal,
            tls: acceptor.is_some(),
            clock,
            random: Arc::new(MachineRandom),
        })
        .context("could not read the system's certificates")?,
    );
    let stop = CancellationToken::new();
    let following = tokio::spawn(async move { authority.follow_signals().await });
    let answering = Answering::Gateway(gateway.clone());
    let serving = tokio::spawn(listen::serve(listener, acceptor, answering, stop.clone()));
    tracing::info!(listen = %enforcement.listen, server, "enforcing");
    shutdown::asked().await;
    stop.cancel();
    serving.await.context("the listener broke off")?;
    gateway.finish().await;
    following.abort();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enforcement_point_without_platforms_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.toml");
        std::fs::write(
            &path,
            "id = \"edge\"\ntoken-file = \"t\"\nlisten = \"127.0.0.1:1\"\nplatform = {}\n",
        )
        .unwrap();
        let error = Enforcement::read(&path).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "`{}` names no platform: an enforcement point needs at least one `[platform.ID]`",
                path.display()
            )
        );
    }
}
