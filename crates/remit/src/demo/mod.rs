//! `remit demo`: a seeded organisation, a small platform, and the portal, on this machine, in one command.
mod desk;
mod tour;

use crate::{
    data::Data,
    directory, hooks, listen, output,
    ports::MachineRandom,
    server::{Plan, Server},
};
use anyhow::{Context, Result};
use connectors::node_red::NodeRedTokens;
use domain::ids::PlatformId;
use engine::ports::Random;
use gateway::site::Site;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_util::sync::CancellationToken;
use web::{
    Mode,
    sign_in::{DemoAccount, SignIn},
};

/// Who there is.
const PEOPLE: &str = include_str!("people.toml");
/// The desk's host name.
pub(crate) const DESK_HOST: &str = "ledgerly.localhost";

/// What the demo was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Port of the portal; 0 is any.
    pub(crate) port: u16,
    /// Where to keep everything.
    pub(crate) data: Option<PathBuf>,
    /// Drive the whole life of a grant, then stop.
    pub(crate) tour: bool,
}

/// A running demo.
pub(crate) struct Demo {
    pub(crate) server: Server,
    pub(crate) portal: SocketAddr,
    pub(crate) desk: SocketAddr,
    pub(crate) data: PathBuf,
    stop: CancellationToken,
    listeners: tokio_util::task::TaskTracker,
}

/// Runs the demo until it is interrupted, or through the tour.
///
/// # Errors
/// If it can't be started, or the tour finds something that isn't as it should be.
pub(crate) async fn run(wanted: Wanted) -> Result<()> {
    let temporary = if wanted.data.is_none() {
        Some(
            tempfile::Builder::new()
                .prefix("remit-demo-")
                .tempdir()
                .context("could not make a temporary folder")?,
        )
    } else {
        None
    };
    let folder = wanted
        .data
        .as_deref()
        .or(temporary.as_ref().map(tempfile::TempDir::path))
        .context("no folder")?
        .to_owned();
    let demo = Demo::start(&folder, wanted.port).await?;
    let outcome = if wanted.tour {
        tour::run(&demo).await
    } else {
        demo.introduce();
        crate::shutdown::asked_or_stopped(&demo.server.engine).await
    };
    demo.stop().await;
    outcome
}

impl Demo {
    async fn start(folder: &Path, port: u16) -> Result<Self> {
        let data = Data::open(folder)?;
        let random = MachineRandom;
        let listener = listen::bind(SocketAddr::from(([127, 0, 0, 1], port)), false).await?;
        let portal = listener.local_addr()?;
        let desk_listener = listen::bind(SocketAddr::from(([127, 0, 0, 1], 0)), false).await?;
        let desk_address = desk_listener.local_addr()?;
        let credential = credential(&random);
        let desk = desk::Desk::new(credential.clone());
        let platform: PlatformId = "ledgerly".parse()?;
        let site = Site::new(
            platform,
            &format!("http://{desk_address}"),
            Some((http::header::AUTHORIZATION, &format!("Bearer {credential}"))),
        )?;
        let server = Server::start(Plan {
            bundle: policy::example::files()?,
            origin: format!("http://localhost:{}", portal.port()),
            sign_in: SignIn::Demo(accounts()?),
            mode: Mode::Demo,
            sites: BTreeMap::from([(DESK_HOST.to_owned(), site)]),
            connectors: BTreeMap::new(),
            gateway_tokens: BTreeMap::new(),
            read_tokens: Vec::new(),
            operator_tokens: Vec::new(),
            zone: jiff::tz::TimeZone::system(),
            hooks: hooks::Hooks::new(Arc::new(NodeRedTokens::new(*data.node_red_key(&random)?))),
            followed: Vec::new(),
            witnesses: None,
            siem: None,
            data,
        })?;
        directory::read(PEOPLE, "the demo's people")?
            .import(&server.engine)
            .await?;
        let (stop, listeners) = (
            CancellationToken::new(),
            tokio_util::task::TaskTracker::new(),
        );
        listeners.spawn(listen::serve(
            listener,
            None,
            server.answering.clone(),
            stop.clone(),
        ));
        let until = stop.clone();
        listeners.spawn(async move {
            let ended = axum::serve(desk_listener, desk.router())
                .with_graceful_shutdown(async move { until.cancelled().await })
                .await;
            if let Err(error) = ended {
                tracing::error!(%error, "the example platform stopped");
            }
        });
        Ok(Self {
            server,
            portal,
            desk: desk_address,
            data: folder.to_owned(),
            stop,
            listeners,
        })
    }

    fn introduce(&self) {
        let port = self.portal.port();
        output::line(format_args!(
            "Remit is running.\n\n  Portal            http://localhost:{port}\n  Example platform  http://{DESK_HOST}:{port}   (through the gateway: it needs a grant)\n  Its own port      http://{}   (turns everybody away)\n  Data              {}\n",
            self.desk,
            self.data.display()
        ));
        output::line("Sign in as one of them, each in a browser window of its own:\n");
        for (account, role) in ROLES {
            output::line(format_args!("  {account:<12} {role}"));
        }
        output::line(
            "\nTry: ask for \"Edit the flow\" of the Supplier desk as a-lindqvist, agree as r-haddad and m-sato, press \"Open\".\nStop with Ctrl-C.",
        );
    }

    async fn stop(self) {
        self.stop.cancel();
        self.listeners.close();
        self.listeners.wait().await;
        self.server.stop().await;
    }
}

const ROLES: [(&str, &str); 11] = [
    ("a-lindqvist", "maker, finance analyst"),
    ("j-costa", "maker, operations planner"),
    ("d-moreau", "platform engineer"),
    ("r-haddad", "approver, data owner of finance data"),
    ("l-ito", "approver, finance lead and R. Haddad's deputy"),
    ("t-weiss", "approver, product owner and the makers' manager"),
    ("m-sato", "security analyst"),
    ("k-berg", "security analyst"),
    ("p-novak", "governance engineer"),
    ("s-ivanova", "governance engineer"),
    ("o-danso", "auditor"),
];

fn accounts() -> Result<Vec<DemoAccount>> {
    ROLES
        .iter()
        .map(|(account, role)| {
            let mut words = account.split('-');
            let (first, last) = (
                words.next().unwrap_or_default(),
                words.next().unwrap_or_default(),
            );
            let capital = |word: &str| {
                word.chars()
                    .next()
                    .map(|c| c.to_uppercase().to_string())
                    .unwrap_or_default()
            };
            let rest: String = last.chars().skip(1).collect();
            Ok(DemoAccount {
                account: account.parse()?,
                name: format!("{}. {}{rest}", capital(first), capital(last)),
                role: (*role).to_owned(),
            })
        })
        .collect()
}

fn credential(random: &dyn Random) -> String {
    let mut bits = [0; 32];
    random.fill(&mut bits);
    gateway::session::hex(&bits)
}
