//! Time that stands still while something is under way and jumps when everybody waits.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rok_deploy::clients::wire::WireLog;
use rok_deploy::engine::ports::Clock;
use tokio::time::Instant;

/// When all runs begin.
const BASE: &str = "2026-03-01T09:00:00Z";

/// The time of a runtime whose clock is paused.
#[derive(Clone, Copy)]
pub struct VirtualTime {
    base: jiff::Timestamp,
    start: Instant,
}

impl VirtualTime {
    /// Begins, on such a runtime.
    pub fn begin() -> Self {
        Self {
            base: BASE.parse().expect("it is a time"),
            start: Instant::now(),
        }
    }

    /// The same a day before.
    pub fn a_day_earlier(mut self) -> Self {
        self.base -= Duration::from_hours(24);
        self
    }

    /// How much of it has passed.
    pub fn passed(&self) -> Duration {
        self.start.elapsed()
    }

    /// A wire log whose clients go by this time.
    pub fn wire(self) -> WireLog {
        WireLog::at(Arc::new(move || self.now()))
    }
}

#[async_trait]
impl Clock for VirtualTime {
    fn now(&self) -> jiff::Timestamp {
        self.base + self.passed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A runtime on this thread whose time passes only while nothing else is to be done. Servers, clients
/// and the run share it, so what one of them writes the other finds before time passes.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime")
}
