//! The one place that asks what time it is.

use std::time::Instant;

use jiff::Timestamp;

/// Source of wall-clock time, handed to whoever needs it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock;

impl Clock {
    /// The time now, cut to milliseconds: what the log and the database keep.
    #[must_use]
    pub fn now(self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// A steady time for measuring how long something took.
    #[must_use]
    pub fn instant(self) -> Instant {
        Instant::now()
    }
}

/// Whole milliseconds since `start`.
#[must_use]
pub fn elapsed_ms(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}
