//! What goes wrong on purpose: refusals for too many requests, lost answers,
//! broken servers.

use axum::body::Body;
use axum::http::{HeaderValue, Response};
use serde_json::json;

use super::GitHub;
use super::server::said;

/// Something that goes wrong.
#[derive(Debug, Clone)]
pub struct Fault {
    pub method: &'static str,
    /// The request's path contains this.
    pub path: &'static str,
    pub kind: FaultKind,
    pub times: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Nothing is done, and this status is the answer.
    Status(u16),
    /// It is done, but the answer is a 502.
    AppliedThenLost,
    /// The secondary limit: this status (403 or 429), and `retry-after` in
    /// seconds.
    RetryAfter(u16, u64),
    /// The secondary limit without a word on when to come again.
    Limited(u16),
    /// The primary limit: nothing remains until so many seconds from now.
    ResetIn(u64),
}

impl GitHub {
    pub fn fault(&self, fault: Fault) {
        self.state().faults.push(fault);
    }
}

pub(super) fn take(github: &GitHub, method: &str, path: &str) -> Option<FaultKind> {
    let mut state = github.state();
    let found = state
        .faults
        .iter_mut()
        .find(|fault| fault.times > 0 && fault.method == method && path.contains(fault.path))?;
    found.times -= 1;
    Some(found.kind)
}

/// The answer to a request that is not carried out.
pub(super) fn refusal(kind: FaultKind) -> Option<Response<Body>> {
    let secondary = json!({
        "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        "documentation_url": "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
    });
    let mut response = match kind {
        FaultKind::AppliedThenLost => return None,
        FaultKind::Status(status) => return Some(said(status, &json!({ "message": "Server Error" }))),
        FaultKind::RetryAfter(status, _) | FaultKind::Limited(status) => said(status, &secondary),
        FaultKind::ResetIn(_) => {
            said(403, &json!({ "message": "API rate limit exceeded for installation ID 4242." }))
        }
    };
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: u64| drop(headers.insert(name, HeaderValue::from(value)));
    match kind {
        FaultKind::RetryAfter(_, seconds) => set("retry-after", seconds),
        FaultKind::ResetIn(seconds) => {
            let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0);
            set("x-ratelimit-limit", 5000);
            set("x-ratelimit-remaining", 0);
            set("x-ratelimit-reset", now + seconds);
        }
        _ => {}
    }
    Some(response)
}
