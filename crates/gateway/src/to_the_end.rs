//! Work that is done to its end by itself if whoever waits for it goes away: a caller who hangs up must not leave a use without
//! its outcome. While somebody waits it runs in their task, which costs no task of its own.
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::runtime::Handle;
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

/// What is done.
type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Work that goes on in a task of `tasks` once this is dropped.
pub(crate) struct ToTheEnd<T: Send + 'static> {
    /// `None` once it is done, or has panicked.
    work: Option<Work<T>>,
    tasks: TaskTracker,
    /// Whoever waits for all tasks waits for this as well.
    _counted: TaskTrackerToken,
}

impl<T: Send + 'static> ToTheEnd<T> {
    pub(crate) fn new(work: impl Future<Output = T> + Send + 'static, tasks: &TaskTracker) -> Self {
        Self {
            work: Some(Box::pin(work)),
            tasks: tasks.clone(),
            _counted: tasks.token(),
        }
    }
}

impl<T: Send + 'static> Future for ToTheEnd<T> {
    /// `None` if it is asked again after it was done.
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        // taken out meanwhile, so that work that panics is not taken up again
        let Some(mut work) = self.work.take() else {
            return Poll::Ready(None);
        };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.work = Some(work);
        }
        Poll::Ready(Some(ready!(polled)))
    }
}

impl<T: Send + 'static> Drop for ToTheEnd<T> {
    fn drop(&mut self) {
        // without a runtime nothing runs any more
        if let (Some(work), Ok(runtime)) = (self.work.take(), Handle::try_current()) {
            self.tasks.spawn_on(work, &runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::Arc, time::Duration};
    use tokio::sync::{Notify, oneshot};

    #[tokio::test]
    async fn whoever_waits_gets_what_came_of_it() {
        let tasks = TaskTracker::new();
        assert_eq!(ToTheEnd::new(async { 7 }, &tasks).await, Some(7));
        assert!(tasks.is_empty());
    }

    #[tokio::test]
    async fn it_goes_on_without_whoever_waited_and_is_waited_for_at_the_end() {
        let (tasks, go_on) = (TaskTracker::new(), Arc::new(Notify::new()));
        let (told, hear) = oneshot::channel();
        let waiting = Arc::clone(&go_on);
        let work = async move {
            waiting.notified().await;
            told.send("done").unwrap();
        };
        let given_up = tokio::time::timeout(Duration::ZERO, ToTheEnd::new(work, &tasks)).await;
        assert!(given_up.is_err());
        assert_eq!(tasks.len(), 1);
        go_on.notify_one();
        assert_eq!(hear.await, Ok("done"));
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn what_panics_is_not_taken_up_again() {
        let tasks = TaskTracker::new();
        let work: ToTheEnd<()> = ToTheEnd::new(async { panic!("as planned") }, &tasks);
        assert!(tokio::spawn(work).await.is_err());
        assert!(tasks.is_empty());
    }
}
