//! Pages that follow what happens: a stream tells an open page its new content whenever that changes. A page is whole without its
//! stream. A stream never keeps a session alive, ends with it and with the server, and there are only so many.
use crate::{
    app::{Portal, Shared},
    guard,
    sessions::{Door, Session},
    trouble::Trouble,
    viewer::{COOKIE, Viewer, Visitor},
};
use axum::{
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response, sse},
};
use futures_util::{Stream, StreamExt as _, stream};
use ledger::Digest;
use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// Most streams of one session: one for each of so many open pages.
pub(crate) const STREAMS_MAX: usize = 8;
/// Most streams of all sessions together.
const ALL_MAX: usize = 2_000;
/// Changes that come closer together than this are told as one.
const PAUSE: Duration = Duration::from_millis(250);
/// How often a stream looks whether its session still lives, when nothing else happens.
const LOOK: Duration = Duration::from_secs(15);

/// The streams that are open, by session.
#[derive(Debug)]
pub(crate) struct Streams {
    open: Mutex<BTreeMap<Digest, usize>>,
    signed_out: watch::Sender<()>,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            open: Mutex::default(),
            signed_out: watch::channel(()).0,
        }
    }
}

impl Streams {
    /// Has every stream look at once whether its session still lives.
    pub(crate) fn look(&self) {
        self.signed_out.send_replace(());
    }

    fn take(&self, session: Digest) -> Result<(), Trouble> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let own = open.entry(session).or_default();
        if *own >= STREAMS_MAX || all >= ALL_MAX {
            return Err(Trouble::TooMany { wait: LOOK_AGAIN });
        }
        *own = own.saturating_add(1);
        Ok(())
    }

    fn give_back(&self, session: &Digest) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(session) {
            *own = own.saturating_sub(1);
        }
        open.retain(|_, own| *own > 0);
    }
}

/// When to try again for a stream.
const LOOK_AGAIN: domain::time::Seconds = domain::time::Seconds(60);

/// What a page shows of itself in the moment, for whoever looks.
pub(crate) type Shown = Box<dyn Fn(&Portal, &Visitor) -> Result<String, Trouble> + Send + Sync>;

struct Following {
    portal: Shared,
    secret: String,
    session: Session,
    shown: Shown,
    last: String,
    projected: watch::Receiver<u64>,
    signed_out: watch::Receiver<()>,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.portal.streams.give_back(&self.session.id);
    }
}

/// Who looks now, without keeping their session alive.
fn looking(portal: &Shared, secret: &str) -> Option<Visitor> {
    let now = portal.app.engine.now();
    let session = portal.sessions.peek(secret, Door::Portal, now)?;
    let viewer = portal
        .app
        .engine
        .read(|state| Viewer::of(state, &session.account, now))?;
    Some(Visitor { session, viewer })
}

/// A number that makes sending a form twice harmless is new each time: it alone is no change.
fn without_once(shown: &str) -> String {
    let mut pieces = shown.split("name=\"once\" value=\"");
    let mut kept = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        kept.push_str(piece.split_once('"').map_or(piece, |(_, rest)| rest));
    }
    kept
}

impl Following {
    /// Waits for something to happen; `None` if the stream is over.
    async fn wait(&mut self) -> Option<()> {
        tokio::select! {
            changed = self.projected.changed() => changed.ok()?,
            changed = self.signed_out.changed() => changed.ok()?,
            () = self.portal.app.stop.cancelled() => return None,
            () = tokio::time::sleep(LOOK) => {}
        }
        Some(())
    }

    /// What the page shows now, if it is not what it showed last.
    async fn next(&mut self) -> Option<String> {
        loop {
            self.wait().await?;
            let visitor = looking(&self.portal, &self.secret)?;
            let shown = (self.shown)(&self.portal, &visitor).ok()?;
            let plain = without_once(&shown);
            if plain != self.last {
                self.last = plain;
                return Some(shown);
            }
        }
    }
}

fn events(following: Following) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    stream::unfold(Some(following), async |following| {
        let mut following = following?;
        match following.next().await {
            Some(shown) => {
                tokio::time::sleep(PAUSE).await;
                Some((Ok(sse::Event::default().data(shown)), Some(following)))
            }
            None if following.portal.app.stop.is_cancelled() => None,
            // the page may stop asking: whoever looks has signed out, or may not look any more
            None => Some((Ok(sse::Event::default().event("over").data("")), None)),
        }
    })
}

/// Follows a page for a signed-in visitor. Whoever may not is told nothing: an error would be shown in the page's place.
pub(crate) fn follow(
    portal: &Shared,
    headers: &HeaderMap,
    shown: impl Fn(&Portal, &Visitor) -> Result<String, Trouble> + Send + Sync + 'static,
) -> Response {
    begin(portal, headers, shown).unwrap_or_else(|_| StatusCode::NO_CONTENT.into_response())
}

fn begin(
    portal: &Shared,
    headers: &HeaderMap,
    shown: impl Fn(&Portal, &Visitor) -> Result<String, Trouble> + Send + Sync + 'static,
) -> Result<Response, Trouble> {
    let secret = guard::cookie(headers, COOKIE).ok_or(Trouble::SignedOut)?;
    let projected = portal.app.engine.projected();
    let signed_out = portal.streams.signed_out.subscribe();
    let visitor = looking(portal, secret).ok_or(Trouble::SignedOut)?;
    // whoever may not see the page may not follow it
    let last = without_once(&shown(portal, &visitor)?);
    portal.streams.take(visitor.session.id)?;
    let following = Following {
        portal: portal.clone(),
        secret: secret.to_owned(),
        session: visitor.session,
        shown: Box::new(shown),
        last,
        projected,
        signed_out,
    };
    // without a first word the browser would not learn that it is connected until something happens
    let first = stream::iter([Ok(sse::Event::default().comment("following"))]);
    Ok(sse::Sse::new(first.chain(events(following)))
        .keep_alive(sse::KeepAlive::default())
        .into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_number_in_a_form_alone_is_no_change() {
        let shown = |once: &str, words: &str| {
            format!(
                "<p>{words}</p><input name=\"once\" value=\"{once}\"><input name=\"a\" value=\"b\">"
            )
        };
        assert_eq!(
            without_once(&shown("one", "waits")),
            without_once(&shown("two", "waits"))
        );
        assert_ne!(
            without_once(&shown("one", "waits")),
            without_once(&shown("one", "granted"))
        );
        assert_eq!(without_once("<p>plain</p>"), "<p>plain</p>");
    }

    #[test]
    fn a_session_has_so_many_streams_and_gets_them_back() {
        let streams = Streams::default();
        let (ada, bob) = (Digest::of(b"ada"), Digest::of(b"bob"));
        for _ in 0..STREAMS_MAX {
            streams.take(ada).unwrap();
        }
        assert_eq!(
            streams.take(ada),
            Err(Trouble::TooMany { wait: LOOK_AGAIN })
        );
        streams.take(bob).unwrap();
        streams.give_back(&ada);
        streams.take(ada).unwrap();
    }
}
