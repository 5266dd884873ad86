//! One listener for the portal and the platforms behind the gateway, told apart by host name. HTTP/1.1 and HTTP/2; plain on
//! loopback only, TLS elsewhere. Stopping lets what is under way finish.
use anyhow::{Context, Result, ensure};
use axum::Router;
use gateway::gateway::Gateway;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
};
use std::{convert::Infallible, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long open connections may take to finish when the server stops.
const FINISH_WITHIN: Duration = Duration::from_secs(10);
/// How long a TLS handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Who answers at an address.
#[derive(Clone)]
pub(crate) enum Answering {
    /// A server: the platforms by their host names, and the portal, API and log at every other.
    Server {
        /// The portal, API, log.
        portal: Router,
        /// The platforms.
        gateway: Arc<Gateway>,
    },
    /// A gateway that runs alone.
    Gateway(Arc<Gateway>),
    /// A witness.
    Witness(Router),
}

/// Binds `address`. Without TLS it must be on this machine.
///
/// # Errors
/// If it isn't, or the address is taken.
pub(crate) async fn bind(address: SocketAddr, tls: bool) -> Result<TcpListener> {
    ensure!(
        tls || address.ip().is_loopback(),
        "`{address}` is not on this machine, and plain HTTP is for loopback only: set `tls.certificate` and `tls.key`, or listen on 127.0.0.1"
    );
    TcpListener::bind(address).await.with_context(|| {
        format!("could not listen on `{address}`: stop what uses that port, or choose another")
    })
}

/// Answers until `stop`, then lets open exchanges finish.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    answering: Answering,
    stop: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => take(stream, tls.clone(), answering.clone(), &graceful),
                // out of file handles, most likely: what is open goes on
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            () = stop.cancelled() => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(FINISH_WITHIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some connections did not finish in time and were closed");
    }
}

fn take(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    answering: Answering,
    graceful: &GracefulShutdown,
) {
    let _ = stream.set_nodelay(true);
    let watcher = graceful.watcher();
    tokio::spawn(async move {
        match tls {
            None => exchange(stream, answering, watcher).await,
            Some(tls) => match tokio::time::timeout(HANDSHAKE_WITHIN, tls.accept(stream)).await {
                Ok(Ok(stream)) => exchange(stream, answering, watcher).await,
                Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => tracing::debug!("a TLS handshake took too long"),
            },
        }
    });
}

async fn exchange<S>(stream: S, answering: Answering, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let builder = auto::Builder::new(TokioExecutor::new());
    let service = hyper::service::service_fn(move |request| answer(answering.clone(), request));
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(error, "a connection ended");
    }
}

type Answered =
    Pin<Box<dyn Future<Output = Result<Response<axum::body::Body>, Infallible>> + Send>>;

// boxed, because the compiler can't see that the future of a generic service is `Send` for every lifetime
fn answer(answering: Answering, request: Request<Incoming>) -> Answered {
    Box::pin(async move {
        let gateway = match answering {
            Answering::Witness(router) => {
                return router.oneshot(request.map(axum::body::Body::new)).await;
            }
            Answering::Server { portal, gateway } => {
                if !gateway.serves(&host_of(&request)) {
                    return portal.oneshot(request.map(axum::body::Body::new)).await;
                }
                gateway
            }
            Answering::Gateway(gateway) => gateway,
        };
        let answered: Pin<Box<dyn Future<Output = Response<gateway::forward::Body>> + Send>> =
            Box::pin(async move { gateway.handle(request).await });
        Ok(answered.await.map(axum::body::Body::new))
    })
}

fn host_of(request: &Request<Incoming>) -> String {
    request
        .uri()
        .authority()
        .map(http::uri::Authority::as_str)
        .or_else(|| {
            request
                .headers()
                .get(http::header::HOST)
                .and_then(|host| host.to_str().ok())
        })
        .unwrap_or_default()
        .to_owned()
}
