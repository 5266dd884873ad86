//! Puts a server together: store, engine, portal, gateway, connectors, and what follows the platforms' logs.
use crate::{
    activity,
    config::{self, Config},
    data::Data,
    hooks,
    listen::Answering,
    ports::{MachineClock, MachineRandom},
    siem::{self, Collector},
    witnessing::{self, Asked, Asking},
};
use anyhow::{Context, Result};
use connectors::{
    node_red::{NodeRedConnector, NodeRedTokens},
    postgres::{Audited, PostgresConnector},
};
use domain::ids::{GatewayId, PlatformId};
use engine::{
    Engine, Ports, Running, Settings,
    ports::{Clock, Connector, Random},
    witnesses::Witnesses,
};
use gateway::{gateway::Gateway, site::Site};
use std::{collections::BTreeMap, sync::Arc};
use store::{SnapshotFolder, SqliteKeys, SqliteLog, SqliteProjector, SqliteViews};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use web::{App, Mode, TokenHash, codes::Codes, sign_in::SignIn, tokens::Issuer};

/// The name of the gateway that runs inside the server.
const OWN_GATEWAY: &str = "server";
/// Written into every entry.
pub(crate) const VERSION: &str = concat!("remit ", env!("CARGO_PKG_VERSION"));

/// Where things come from that differ between the demo and a real server.
pub(crate) struct Plan {
    /// The data folder.
    pub(crate) data: Data,
    /// The bundle.
    pub(crate) bundle: policy::BundleFiles,
    /// The portal's origin.
    pub(crate) origin: String,
    /// How people prove who they are.
    pub(crate) sign_in: SignIn,
    /// What kind of server.
    pub(crate) mode: Mode,
    /// Platforms by host name.
    pub(crate) sites: BTreeMap<String, Site>,
    /// Connectors by platform.
    pub(crate) connectors: BTreeMap<PlatformId, Arc<dyn Connector>>,
    /// Tokens of enforcement points that run alone.
    pub(crate) gateway_tokens: BTreeMap<GatewayId, TokenHash>,
    /// Tokens that may read the log.
    pub(crate) read_tokens: Vec<TokenHash>,
    /// Tokens that may change the directory.
    pub(crate) operator_tokens: Vec<TokenHash>,
    /// In which zone times are shown.
    pub(crate) zone: jiff::tz::TimeZone,
    /// What asks about Node-RED tokens.
    pub(crate) hooks: hooks::Hooks,
    /// Platforms' logs to follow.
    pub(crate) followed: Vec<activity::Followed>,
    /// The log's witnesses, if it has any.
    pub(crate) witnesses: Option<Asked>,
    /// The SIEM that is told the log's heads, if there is one.
    pub(crate) siem: Option<Collector>,
}

/// A server that runs.
pub(crate) struct Server {
    /// The engine.
    pub(crate) engine: Engine,
    /// The log's witnesses, if it has any.
    pub(crate) witnesses: Option<Arc<Witnesses>>,
    /// Who answers.
    pub(crate) answering: Answering,
    gateway: Arc<Gateway>,
    running: Running,
    followers: TaskTracker,
    stop: CancellationToken,
}

/// Opens the store of a data folder and starts the engine on it.
///
/// # Errors
/// If another process writes the folder, or its log isn't whole, or it was made with another bundle.
pub(crate) fn start_engine(
    data: &Data,
    bundle: policy::BundleFiles,
    origin: &str,
    connectors: BTreeMap<PlatformId, Arc<dyn Connector>>,
) -> Result<(Engine, Running)> {
    let random: Arc<dyn Random> = Arc::new(MachineRandom);
    let (reader, writer) = SqliteLog::open(&data.log()).context("could not open the log")?;
    // a fresh key would only hide that this one is missing
    anyhow::ensure!(
        data.has_checkpoint_key() || reader.head()?.tree.size == 0,
        "`{}` has a log, and its `checkpoint.key` is missing: put it back, or restore with `remit backup restore --keys FILE`",
        data.folder().display()
    );
    let keys = SqliteKeys::open(&data.keys()).context("could not open the person keys")?;
    let projector = SqliteProjector::open(&data.views(), reader.clone(), keys.clone())
        .context("could not open the projections")?;
    let views = SqliteViews::open(&data.views()).context("could not open the projections")?;
    let signer = data.signer(&log_name(origin), random.as_ref())?;
    data.publish_vkey(&signer.vkey())?;
    let ports = Ports {
        clock: Arc::new(MachineClock::start()),
        random,
        reader,
        writer,
        keys,
        projector: Box::new(projector),
        views: Arc::new(views),
        snapshots: Arc::new(SnapshotFolder::new(&data.snapshots())),
        connectors,
    };
    let settings = Settings {
        signer,
        bundle,
        engine_version: VERSION.to_owned(),
        snapshot_every: engine::SNAPSHOT_EVERY,
    };
    Engine::start(ports, settings).context("could not start the engine")
}

/// The log's name in its checkpoints: the portal's host, so that two servers' logs can't be taken for each other.
fn log_name(origin: &str) -> String {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    format!("{}/remit", host.split(':').next().unwrap_or(host))
}

impl Server {
    /// Starts everything but the listeners.
    ///
    /// # Errors
    /// If a part can't be started; the parts before it are stopped.
    pub(crate) fn start(plan: Plan) -> Result<Self> {
        let random: Arc<dyn Random> = Arc::new(MachineRandom);
        let clock: Arc<dyn Clock> = Arc::new(MachineClock::start());
        let token_key = plan.data.token_key(random.as_ref())?;
        let (engine, running) =
            start_engine(&plan.data, plan.bundle, &plan.origin, plan.connectors)?;
        let issuer = Arc::new(
            Issuer::new(&plan.origin, &token_key)
                .context("could not read the key that signs tokens")?,
        );
        let codes = Arc::new(Codes::new(random.clone()));
        let id: GatewayId = OWN_GATEWAY.parse()?;
        let tls = plan.origin.starts_with("https://");
        let origins = site_origins(&plan.origin, &plan.sites);
        let authority = web::authority::LocalAuthority::new(
            engine.clone(),
            codes.clone(),
            issuer.clone(),
            id.clone(),
        );
        let gateway = Gateway::new(gateway::gateway::Parts {
            id,
            authority: Arc::new(authority),
            sites: plan.sites,
            portal: plan.origin.clone(),
            issuer: plan.origin.clone(),
            tls,
            clock,
            random: random.clone(),
        })
        .context("could not read the system's certificates")?;
        let stop = CancellationToken::new();
        let (witnesses, asking) =
            witnessing::prepare(plan.witnesses.as_ref(), &plan.data, &engine)?.unzip();
        let app = App {
            engine: engine.clone(),
            witnesses: witnesses.clone(),
            sign_in: plan.sign_in,
            mode: plan.mode,
            origin: plan.origin,
            issuer,
            codes,
            gateways: origins,
            gateway_tokens: plan.gateway_tokens,
            read_tokens: plan.read_tokens,
            operator_tokens: plan.operator_tokens,
            random,
            stop: stop.clone(),
            zone: plan.zone,
        };
        let portal = web::router(app).merge(hooks::router(engine.clone(), plan.hooks));
        let followers = TaskTracker::new();
        asking.map(|asking: Asking| followers.spawn(asking.run(stop.clone())));
        siem::tell(plan.siem, &engine, witnesses.as_ref(), &followers, &stop)?;
        for followed in plan.followed {
            followers.spawn(activity::follow(engine.clone(), followed, stop.clone()));
        }
        let gateway = Arc::new(gateway);
        let answering = Answering::Server {
            portal,
            gateway: gateway.clone(),
        };
        Ok(Self {
            engine,
            witnesses,
            answering,
            gateway,
            running,
            followers,
            stop,
        })
    }

    /// Lets what is under way finish, then stops; nothing that was answered is lost.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.followers.close();
        self.followers.wait().await;
        self.gateway.finish().await;
        self.running.stop().await;
    }
}

/// Where browsers find each platform: its own host, at the portal's scheme and port.
fn site_origins(origin: &str, sites: &BTreeMap<String, Site>) -> BTreeMap<PlatformId, String> {
    let (scheme, rest) = origin.split_once("://").unwrap_or(("http", origin));
    let port = rest
        .rsplit_once(':')
        .map(|(_, port)| format!(":{port}"))
        .unwrap_or_default();
    sites
        .iter()
        .map(|(host, site)| (site.platform.clone(), format!("{scheme}://{host}{port}")))
        .collect()
}

/// The plan of `remit serve`.
///
/// # Errors
/// If a file that the configuration names can't be read, or says something that doesn't work.
pub(crate) fn plan(config: &Config) -> Result<Plan> {
    let random: Arc<dyn Random> = Arc::new(MachineRandom);
    let data = Data::open(&config.data)?;
    let accounts = std::fs::read_to_string(&config.accounts)
        .with_context(|| format!("could not read `{}`", config.accounts.display()))?;
    let accounts = web::sign_in::Accounts::parse(&accounts, random.as_ref())
        .with_context(|| format!("`{}` can't be used", config.accounts.display()))?;
    let mut sites = BTreeMap::new();
    for (platform, settings) in &config.platform {
        sites.insert(settings.host.to_ascii_lowercase(), settings.site(platform)?);
    }
    let Connected {
        connectors,
        hooks,
        followed,
    } = connect(config, &data, &random)?;
    let hashes = |texts: &[String], name: &str| -> Result<Vec<TokenHash>> {
        texts.iter().map(|text| TokenHash::parse(text).with_context(|| format!("`{name}` holds SHA-256 digests in hexadecimal: `remit token hash` prints one"))).collect()
    };
    let mut gateway_tokens = BTreeMap::new();
    for (gateway, text) in &config.gateway_tokens {
        let hash = TokenHash::parse(text).with_context(|| format!("`gateway-tokens.{gateway}` must be a SHA-256 digest in hexadecimal: `remit token hash` prints one"))?;
        gateway_tokens.insert(gateway.clone(), hash);
    }
    Ok(Plan {
        bundle: config::bundle(&config.bundle)?,
        origin: config.origin.clone(),
        sign_in: SignIn::Accounts(accounts),
        mode: Mode::Serve,
        sites,
        connectors,
        gateway_tokens,
        read_tokens: hashes(&config.read_tokens, "read-tokens")?,
        operator_tokens: hashes(&config.operator_tokens, "operator-tokens")?,
        zone: jiff::tz::TimeZone::get(&config.zone)?,
        hooks,
        followed,
        witnesses: Asked::read(
            &config.witness,
            config.witness_quorum,
            config.witness_alarm_after,
        )?,
        siem: config.siem.as_ref().map(Collector::read).transpose()?,
        data,
    })
}

/// Connectors, what asks about their tokens, and their logs.
struct Connected {
    connectors: BTreeMap<PlatformId, Arc<dyn Connector>>,
    hooks: hooks::Hooks,
    followed: Vec<activity::Followed>,
}

fn connect(config: &Config, data: &Data, random: &Arc<dyn Random>) -> Result<Connected> {
    let mut followed = Vec::new();
    let mut connectors: BTreeMap<PlatformId, Arc<dyn Connector>> = BTreeMap::new();
    for (platform, settings) in &config.postgres {
        let connection = config::secret(&settings.connection_file)?;
        let audited = if settings.audit_logs.is_some() {
            Audited::ByPgaudit
        } else {
            Audited::No
        };
        let connector = PostgresConnector::new(platform, &connection, audited, random.clone())?;
        connectors.insert(platform.clone(), Arc::new(connector));
        followed.extend(
            settings
                .audit_logs
                .clone()
                .map(|folder| activity::Followed::postgres(platform.clone(), folder)),
        );
    }
    let tokens = Arc::new(NodeRedTokens::new(*data.node_red_key(random.as_ref())?));
    let mut hooks = hooks::Hooks::new(tokens.clone());
    for (platform, settings) in &config.node_red {
        connectors.insert(
            platform.clone(),
            Arc::new(NodeRedConnector::new(tokens.clone(), &settings.address)?),
        );
        hooks.admit(
            platform.clone(),
            TokenHash::of(&config::secret(&settings.hook_secret_file)?),
        );
        followed.extend(
            settings
                .audit_logs
                .clone()
                .map(|folder| activity::Followed::node_red(platform.clone(), folder)),
        );
    }
    Ok(Connected {
        connectors,
        hooks,
        followed,
    })
}
