//! How often one comment is edited, and what it said last: pure.

use std::time::{Duration, Instant};

/// What was shown last, and when.
#[derive(Debug, Default)]
pub(super) struct Shown {
    last: Option<(Instant, String)>,
}

impl Shown {
    /// Is `body` to be written at `now`? What stands there already never is;
    /// the last word always is; anything else waits until `pause` has gone by.
    pub(super) fn wants(&self, body: &str, now: Instant, pause: Option<Duration>) -> bool {
        match (&self.last, pause) {
            (None, _) => true,
            (Some((_, said)), _) if said == body => false,
            (Some(_), None) => true,
            (Some((at, _)), Some(pause)) => now.saturating_duration_since(*at) >= pause,
        }
    }

    /// `body` was written at `now`.
    pub(super) fn wrote(&mut self, body: String, now: Instant) {
        self.last = Some((now, body));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_waits_for_the_pause_and_the_last_one_does_not() {
        let pause = Some(Duration::from_secs(5));
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        let mut shown = Shown::default();
        assert!(shown.wants("a", start, pause));
        shown.wrote("a".into(), start);
        assert!(!shown.wants("b", later(4), pause));
        assert!(shown.wants("b", later(5), pause));
        assert!(shown.wants("b", later(1), None));
        assert!(!shown.wants("a", later(9), pause) && !shown.wants("a", later(9), None));
    }
}
