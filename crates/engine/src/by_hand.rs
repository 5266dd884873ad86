//! The engine without threads and tasks of its own: whoever holds it says when the writer goes round, when the projections follow
//! and when a job is taken up. The parts are the very ones that [`Engine::start`] sets to work; so a simulation that makes up
//! time, disk, network and the order of everything sees the engine itself, and sees the same again from the same seed.
use crate::{
    checking::Checking,
    forgetting::{self, Place},
    handle::{Engine, Ports, Settings},
    ports::Eventually,
    reconcile::platform_until_done,
    rules::Rules,
    start::{Assembled, Beside, Connectors, StartError, assemble},
    worker::carry_out,
    writer::{Stopped, Writer},
};
use std::{fmt, sync::Arc};
use tokio::sync::Notify;

pub use crate::rules::Stock;

/// An engine that does nothing by itself. Dropping it, and what it gave out, is a crash.
pub struct ByHand {
    engine: Engine,
    writer: Option<(Writer, Stopped)>,
    beside: Beside,
    connectors: Connectors,
}

impl fmt::Debug for ByHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByHand")
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

impl ByHand {
    /// Reads the log and gets ready, as [`Engine::start`] does. No runtime is needed if the clock brings its own pauses.
    ///
    /// # Errors
    /// [`StartError`] as [`Engine::start`].
    pub fn start(
        ports: Ports,
        settings: Settings,
        stock: Stock,
    ) -> Result<(Engine, Self), StartError> {
        let Assembled {
            engine,
            writer,
            beside,
            connectors,
            stop_writer: _,
        } = assemble(ports, settings, &Rules::with(stock))?;
        let stopped = Stopped(Arc::clone(&engine.shared));
        let by_hand = Self {
            engine: engine.clone(),
            writer: Some((writer, stopped)),
            beside,
            connectors,
        };
        Ok((engine, by_hand))
    }

    /// Decides what is due and what waits, makes it durable, and answers; whether the writer goes on after that.
    pub fn decide(&mut self) -> bool {
        let stops = self
            .writer
            .as_mut()
            .is_none_or(|(writer, _)| writer.round().is_break());
        if stops {
            self.writer = None;
        }
        !stops
    }

    /// Has the projections follow the log.
    pub fn project(&mut self) {
        self.beside.projecting.round();
    }

    /// Takes the snapshot that is due, and reads again what was taken on an older one's word.
    pub fn snapshot(&mut self) {
        self.beside.keeping.round();
        if self.beside.checking.as_ref().is_some_and(Checking::once) {
            self.beside.checking = None;
        }
    }

    /// Takes up the next job in a target, if one is due and its lane has room: one try, and its report.
    pub fn job(&self) -> Option<Eventually<'static, ()>> {
        let shared = &self.engine.shared;
        let work = shared.jobs.next(shared.clock.monotonic_ms())?;
        let connectors = Arc::clone(&self.connectors);
        Some(Box::pin(carry_out(self.engine.clone(), connectors, work)))
    }

    /// In a quarantine, the comparison of each platform until it is reconciled; else none.
    pub fn comparisons(&self) -> Vec<Eventually<'static, ()>> {
        if self.engine.read(|state| state.quarantine.is_none()) {
            return Vec::new();
        }
        let each = self.connectors.iter().map(|(platform, connector)| {
            let (engine, platform) = (self.engine.clone(), platform.clone());
            let compared = platform_until_done(engine, platform, Arc::clone(connector));
            Box::pin(compared) as Eventually<'static, ()>
        });
        each.collect()
    }

    /// Destroys keys that are to be destroyed, for as long as it is waited for.
    pub fn forgetting(&self) -> Eventually<'static, ()> {
        let never = Arc::new(Notify::new());
        Box::pin(forgetting::run(self.engine.clone(), never, Place::Here))
    }
}
