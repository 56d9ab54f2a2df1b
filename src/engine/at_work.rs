//! For which step the current task works: known to whoever records what is called, passed on by hand
//! to threads.

tokio::task_local! {
    static STEP: &'static str;
}

/// Returns the step that this task, or this thread, works for.
pub fn at_work() -> Option<&'static str> {
    STEP.try_with(|step| *step).ok()
}

/// Lets a thread work for a step as its task did.
pub fn working<T>(step: Option<&'static str>, work: impl FnOnce() -> T) -> T {
    match step {
        Some(step) => STEP.sync_scope(step, work),
        None => work(),
    }
}

/// Lets a task work for a step.
pub(super) fn works_for<T>(
    step: &'static str,
    work: impl Future<Output = T>,
) -> impl Future<Output = T> {
    STEP.scope(step, work)
}
