//! What goes on beside the writer, polled one at a time in whatever order the seed says.
use super::dice::Dice;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Tasks with results of one type.
pub(super) struct Tasks<T> {
    tasks: Vec<Task<T>>,
}

/// What came of a poll.
pub(super) enum Polled<T> {
    /// No task could go on.
    Nothing,
    /// One went on and isn't done.
    Pending,
    /// One is done.
    Done(T),
}

struct Task<T> {
    future: Pin<Box<dyn Future<Output = T> + Send>>,
    ready: Arc<Ready>,
}

struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl<T> Default for Tasks<T> {
    fn default() -> Self {
        Self { tasks: Vec::new() }
    }
}

impl<T> fmt::Debug for Tasks<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tasks", self.tasks.len())
    }
}

impl<T> Tasks<T> {
    pub(super) fn spawn(&mut self, future: impl Future<Output = T> + Send + 'static) {
        self.tasks.push(Task {
            future: Box::pin(future),
            ready: Arc::new(Ready(AtomicBool::new(true))),
        });
    }

    /// Polls one of the tasks that could go on.
    pub(super) fn poll(&mut self, dice: &mut Dice) -> Polled<T> {
        let ready = |task: &Task<T>| task.ready.0.load(Ordering::SeqCst);
        let could = self.tasks.iter().enumerate();
        let could: Vec<usize> = could
            .filter(|(_, task)| ready(task))
            .map(|(index, _)| index)
            .collect();
        let index = dice.pick(&could).copied().unwrap_or(usize::MAX);
        let Some(task) = self.tasks.get_mut(index) else {
            return Polled::Nothing;
        };
        task.ready.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&task.ready));
        match task.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => Polled::Pending,
            Poll::Ready(done) => {
                drop(self.tasks.swap_remove(index));
                Polled::Done(done)
            }
        }
    }
}
