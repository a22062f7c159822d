//! How fast GitHub may be asked, and how long it wants to be left alone.
//!
//! Each installation has one lane. What makes content and notifies people
//! (comments, pull requests, check runs) goes through it one at a time, with
//! a pause between; a lane that hit a limit is closed for as long as GitHub
//! says. A short wait is slept through; a long one is handed back to the
//! caller as a failure with that delay, so that no worker sleeps for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tokio::time::Instant;

use super::wire::Answer;

/// The wait after a limit that GitHub does not put into numbers; it doubles
/// each time in a row.
const FLOOR: Duration = Duration::from_mins(1);
/// No wait is longer, whatever an answer says.
const CEILING: Duration = Duration::from_hours(1);
/// A longer wait is the caller's to make.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);
/// Lanes kept.
const MOST_LANES: usize = 4096;

/// For how long to leave GitHub alone after this answer; `None` when it is
/// not about a limit. `strikes` counts the limits in a row before this one.
pub(super) fn wait_after(answer: &Answer, now: Timestamp, strikes: u32) -> Option<Duration> {
    let number = |name: &str| answer.header(name)?.trim().parse::<u64>().ok();
    let after = number("retry-after");
    let spent = number("x-ratelimit-remaining") == Some(0);
    let limited = match answer.status {
        429 => true,
        403 => after.is_some() || spent || is_limit(&answer.message()),
        _ => false,
    };
    if !limited {
        return None;
    }
    let until_reset = || {
        let reset = i64::try_from(number("x-ratelimit-reset")?).ok()?;
        // By GitHub's own clock where it tells it, and one second for
        // rounding.
        let now = answer.date().unwrap_or(now).as_second();
        u64::try_from((reset - now).max(0) + 1).ok().map(Duration::from_secs)
    };
    let wait = match after {
        Some(seconds) => Duration::from_secs(seconds),
        None if spent => until_reset().unwrap_or(FLOOR),
        None => FLOOR * (1 << strikes.min(6)),
    };
    Some(wait.min(CEILING))
}

fn is_limit(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("rate limit") || message.contains("abuse detection")
}

/// Does this make content that people are told of? GitHub's own limit on
/// such is the tightest one. Reactions, labels and git objects are not.
pub(super) fn makes_content(method: &Method, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let quiet = ["/reactions", "/labels", "/git/", "/access_tokens", "/attempts", "/conversions"];
    matches!(*method, Method::POST | Method::PATCH | Method::PUT)
        && !quiet.iter().any(|part| path.contains(part))
}

/// One installation's lane.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// When the last content was made; whoever holds it may make the next.
    turn: Arc<Turn<Option<Instant>>>,
    closed: Mutex<Closed>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Closed {
    until: Option<Instant>,
    strikes: u32,
}

/// The right to make content; the pause starts when it is given back.
#[derive(Debug)]
pub(super) struct Ticket(OwnedMutexGuard<Option<Instant>>);

impl Drop for Ticket {
    fn drop(&mut self) {
        *self.0 = Some(Instant::now());
    }
}

impl Lane {
    /// Waits until the lane is open.
    ///
    /// # Errors
    /// With the time that it stays closed, when that is long.
    pub(super) async fn open(&self) -> Result<(), Duration> {
        loop {
            let until = self.closed().until;
            let left = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(());
            }
            if left > PATIENCE {
                return Err(left);
            }
            tokio::time::sleep(left).await;
        }
    }

    /// Waits for its turn, and then for the pause.
    pub(super) async fn turn(&self, pause: Duration) -> Ticket {
        let guard = Arc::clone(&self.turn).lock_owned().await;
        if let Some(last) = *guard {
            tokio::time::sleep_until(last + pause).await;
        }
        Ticket(guard)
    }

    /// Learns from an answer: the wait, when it is about a limit.
    pub(super) fn learn(&self, answer: &Answer, now: Timestamp) -> Option<Duration> {
        let mut closed = self.closed();
        let Some(wait) = wait_after(answer, now, closed.strikes) else {
            if answer.is_success() {
                closed.strikes = 0;
            }
            return None;
        };
        closed.strikes = closed.strikes.saturating_add(1);
        let until = Instant::now() + wait;
        closed.until = Some(closed.until.map_or(until, |known| known.max(until)));
        Some(wait)
    }

    fn closed(&self) -> std::sync::MutexGuard<'_, Closed> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All lanes.
#[derive(Debug)]
pub(super) struct Pace {
    /// Between two requests of a lane that make content.
    pub(super) pause: Duration,
    lanes: Mutex<HashMap<u64, Arc<Lane>>>,
}

impl Pace {
    pub(super) fn new(pause: Duration) -> Self {
        Self { pause, lanes: Mutex::default() }
    }

    /// The lane of an installation; 0 is the App's own.
    pub(super) fn lane(&self, installation: u64) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() >= MOST_LANES {
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        Arc::clone(lanes.entry(installation).or_default())
    }
}

#[cfg(test)]
mod tests;
