//! `remit witness`: cosigns the checkpoints of other servers' logs, each only if it continues all it cosigned before (C2SP tlog-witness).
//!
//! It sees sizes and hashes, never an entry. It is worth something only on a machine, and under an operator, of its own.
mod serve;
mod state;

use crate::{
    config::{self, Tls},
    listen::{self, Answering},
    output,
    ports::MachineRandom,
    shutdown, tls,
};
use anyhow::{Context, Result, ensure};
use engine::ports::Random;
use ledger::{VerifierKey, WitnessName, cosignature::Cosigner, witness::WatchedLogs};
use serde::Deserialize;
use state::State;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// The configuration of a witness.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WitnessConfig {
    /// Where servers reach it.
    listen: SocketAddr,
    /// Certificate and key, both PEM files.
    tls: Option<Tls>,
    /// File with its signing key, from `remit witness key`.
    key_file: PathBuf,
    /// Folder of the heads it cosigned last. Whoever loses it must make a new key: an old head would be cosigned again.
    state: PathBuf,
    /// Verifier keys of the logs it watches.
    logs: Vec<String>,
}

/// A witness that was read from its configuration, with the state under its lock.
struct Witness {
    listen: SocketAddr,
    tls: Option<Tls>,
    state: State,
}

impl Witness {
    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("could not read the configuration `{}`", path.display()))?;
        let mut config: WitnessConfig = toml::from_str(&text)
            .with_context(|| format!("`{}` is not a configuration of a witness", path.display()))?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let mut paths = vec![&mut config.key_file, &mut config.state];
        paths.extend(
            config
                .tls
                .iter_mut()
                .flat_map(|tls| [&mut tls.certificate, &mut tls.key]),
        );
        for path in paths {
            *path = folder.join(&*path);
        }
        ensure!(
            !config.logs.is_empty(),
            "`{}` names no log: a witness needs the verifier key of at least one under `logs`",
            path.display()
        );
        let keys = config.logs.iter().map(|vkey| VerifierKey::parse(vkey));
        let keys: Vec<_> = keys
            .collect::<Result<_, _>>()
            .context("`logs` holds something else than a log's verifier key")?;
        let key = config::secret(&config.key_file)?;
        let cosigner = Cosigner::parse(&key)
            .with_context(|| format!("`{}` can't be used", config.key_file.display()))?;
        Ok(Self {
            listen: config.listen,
            tls: config.tls,
            state: State::open(&config.state, WatchedLogs::new(keys)?, cosigner)?,
        })
    }
}

/// Runs a witness until it is asked to stop.
///
/// # Errors
/// If it can't be started: the configuration, the key, the address, or a state that is damaged or in use.
pub(crate) async fn run(config: &Path) -> Result<()> {
    let Witness { listen, tls, state } = Witness::read(config)?;
    let acceptor = tls::acceptor(tls.as_ref())?;
    let listener = listen::bind(listen, acceptor.is_some()).await?;
    tracing::info!(%listen, vkey = state.vkey(), "witnessing");
    let answering = Answering::Witness(serve::router(Arc::new(state)));
    let stop = CancellationToken::new();
    let serving = tokio::spawn(listen::serve(listener, acceptor, answering, stop.clone()));
    shutdown::asked().await;
    stop.cancel();
    serving.await.context("the listener broke off")
}

/// Makes a signing key in a new file and prints the key that others verify with.
///
/// # Errors
/// If the file is there already or can't be written.
pub(crate) fn make_key(name: WitnessName, out: &Path) -> Result<()> {
    let mut seed = Zeroizing::new([0; 32]);
    MachineRandom.fill(seed.as_mut());
    let cosigner = Cosigner::from_seed(name, &seed);
    let text = Zeroizing::new(format!("{}\n", *cosigner.private_text()));
    crate::data::write_secret(out, text.as_bytes()).with_context(|| {
        format!(
            "could not write `{}`: name a file that is not there yet",
            out.display()
        )
    })?;
    output::line(cosigner.vkey());
    Ok(())
}
