//! The time of a rerun: that of its recording. Nobody waits.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::tape::Tape;
use crate::clients::gate::Ended;
use crate::engine::ports::Clock;

/// A clock that follows a tape.
pub(super) struct TapeClock(pub(super) Arc<Tape>);

#[async_trait]
impl Clock for TapeClock {
    fn now(&self) -> jiff::Timestamp {
        self.0.read_time()
    }

    /// Returns when the journal is where it was when the recorded wait was over. A wait that was given
    /// up, or that the process did not live to the end of, has none.
    async fn sleep(&self, _duration: Duration) {
        if let Some(place) = self.0.take_time("wait")
            && let Ok((_, Ended::Answered(_))) = self.0.turn(place).await
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}
