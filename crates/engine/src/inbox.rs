//! Where commands wait for the writer: two bounded lanes. What takes power away is always taken out first, so a flood of other
//! commands can't delay it by more than the command being decided and the commit under way.
use crate::handle::Ticket;
use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, mpsc};

/// Most commands that wait in a lane; more wait at the door.
const LANE_LENGTH: usize = 4_096;

pub(crate) struct Inbox {
    pub(crate) first: mpsc::Receiver<Ticket>,
    pub(crate) other: mpsc::Receiver<Ticket>,
    /// Told once when the engine is to stop: the lanes close, what is in them is still decided.
    pub(crate) stop: Arc<Notify>,
}

/// Why the writer goes on.
pub(crate) enum Woken {
    /// A command came.
    Ticket(Box<Ticket>),
    /// Time went by.
    Clock,
    /// Nothing will ever come again.
    Closed,
}

impl Inbox {
    /// Both lanes, and the doors to them.
    pub(crate) fn open() -> (mpsc::Sender<Ticket>, mpsc::Sender<Ticket>, Self) {
        let (first_in, first) = mpsc::channel(LANE_LENGTH);
        let (other_in, other) = mpsc::channel(LANE_LENGTH);
        let stop = Arc::new(Notify::new());
        (first_in, other_in, Self { first, other, stop })
    }

    /// Waits for a command, a call, or the end of `pause`.
    pub(crate) async fn wait(&mut self, wake: &Notify, pause: Duration) -> Woken {
        tokio::select! {
            biased;
            () = self.stop.notified() => {
                self.first.close();
                self.other.close();
                Woken::Clock
            }
            ticket = next(&mut self.first, &mut self.other) => match ticket {
                Some(ticket) => Woken::Ticket(Box::new(ticket)),
                None => Woken::Closed,
            },
            () = wake.notified() => Woken::Clock,
            () = tokio::time::sleep(pause) => Woken::Clock,
        }
    }

    /// The next command that is there already and takes power away.
    pub(crate) fn next_first(&mut self) -> Option<Ticket> {
        self.first.try_recv().ok()
    }

    /// The next command that is there already.
    pub(crate) fn next_waiting(&mut self) -> Option<Ticket> {
        self.next_first().or_else(|| self.other.try_recv().ok())
    }
}

/// The next command of either lane; `None` once both are closed and empty.
async fn next(
    first: &mut mpsc::Receiver<Ticket>,
    other: &mut mpsc::Receiver<Ticket>,
) -> Option<Ticket> {
    tokio::select! {
        biased;
        Some(ticket) = first.recv() => Some(ticket),
        Some(ticket) = other.recv() => Some(ticket),
        else => None,
    }
}
