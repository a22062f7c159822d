//! A delivery of a webhook, and the log of what was delivered.

use anyhow::Context as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::api::{Answer, Call, not_found};
use super::state::{Attempt, now};
use super::{GitHub, INSTALLATION, client};

/// Attempts on one page, whatever a client asks for.
const PAGE: usize = 2;

/// A delivery, to be signed and sent, once or again.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub guid: String,
    pub event: String,
    pub body: String,
}

impl Delivery {
    /// What it says.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// `X-Hub-Signature-256` for this secret.
    #[must_use]
    pub fn signature(&self, secret: &str) -> String {
        let mut bytes = Vec::new();
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
            mac.update(self.body.as_bytes());
            bytes = mac.finalize().into_bytes().to_vec();
        }
        format!("sha256={}", hex::encode(bytes))
    }

    /// Sends it and returns the status and the answer.
    ///
    /// # Errors
    /// The receiver cannot be reached.
    pub async fn send(&self, url: &str, secret: &str) -> anyhow::Result<(u16, String)> {
        let response = client()?
            .post(url)
            .header("content-type", "application/json")
            .header("user-agent", "GitHub-Hookshot/stand-in")
            .header("x-github-event", &self.event)
            .header("x-github-delivery", &self.guid)
            .header("x-github-hook-installation-target-type", "integration")
            .header("x-hub-signature-256", self.signature(secret))
            .body(self.body.clone())
            .send()
            .await
            .context("could not deliver")?;
        let status = response.status().as_u16();
        Ok((status, response.text().await?))
    }
}

impl GitHub {
    /// Where deliveries go from now on.
    pub fn set_hook(&self, url: &str, secret: &str) {
        self.state().hook = (url.to_owned(), secret.to_owned());
    }

    /// Sends a delivery to the webhook's address and keeps what came of it.
    ///
    /// # Errors
    /// The receiver cannot be reached; that is kept too.
    pub async fn deliver(&self, delivery: &Delivery) -> anyhow::Result<(u16, String)> {
        self.attempt(delivery, false).await
    }

    /// Keeps a delivery as one that did not arrive: the receiver answered
    /// with `status`, or, with 0, was not there.
    pub fn lose(&self, delivery: &Delivery, status: u16) {
        self.keep(delivery, false, status);
    }

    /// How often the delivery was tried, with what answer.
    #[must_use]
    pub fn attempts(&self, guid: &str) -> Vec<u16> {
        let state = self.state();
        let tries = state.attempts.iter().filter(|attempt| attempt.delivery.guid == guid);
        tries.map(|attempt| attempt.status).collect()
    }

    async fn attempt(&self, delivery: &Delivery, redelivery: bool) -> anyhow::Result<(u16, String)> {
        let (url, secret) = self.state().hook.clone();
        let sent = delivery.send(&url, &secret).await;
        self.keep(delivery, redelivery, sent.as_ref().map_or(0, |(status, _)| *status));
        sent
    }

    fn keep(&self, delivery: &Delivery, redelivery: bool, status: u16) {
        let mut state = self.state();
        // GitHub's ids of deliveries grow, and are no small numbers.
        let id = 9_000_000_000 + state.id();
        let attempt = Attempt { id, delivery: delivery.clone(), at: now(), redelivery, status };
        state.attempts.push(attempt);
        drop(state);
        self.touch();
    }
}

fn attempt_json(github: &GitHub, attempt: &Attempt) -> Value {
    let body = attempt.delivery.json();
    let status = match attempt.status {
        200..=299 => "OK".to_owned(),
        0 => "failed to connect to host".to_owned(),
        other => format!("Invalid HTTP Response: {other}"),
    };
    json!({
        "id": attempt.id, "guid": attempt.delivery.guid, "delivered_at": attempt.at,
        "redelivery": attempt.redelivery, "duration": 0.03, "status": status,
        "status_code": attempt.status, "event": attempt.delivery.event, "action": body["action"],
        "installation_id": INSTALLATION, "repository_id": body["repository"]["id"],
        "throttled_at": null, "url": github.state().hook.0,
    })
}

/// `GET /app/hook/deliveries`: a page of them, the newest first, and the
/// query of the next page.
pub(super) fn list(github: &GitHub, call: &Call<'_>) -> (Answer, Option<String>) {
    let before: u64 = call
        .parameter("cursor")
        .and_then(|cursor| cursor.strip_prefix('v')?.parse().ok())
        .unwrap_or(u64::MAX);
    let wanted = call.parameter("status");
    let attempts = github.state().attempts.clone();
    let matching: Vec<&Attempt> = attempts
        .iter()
        .rev()
        .filter(|attempt| attempt.id < before)
        .filter(|attempt| {
            let fine = (200..300).contains(&attempt.status);
            match wanted.as_deref() {
                Some("success") => fine,
                Some("failure") => !fine,
                _ => true,
            }
        })
        .collect();
    let page = matching.iter().take(PAGE).map(|attempt| attempt_json(github, attempt)).collect();
    let last = matching.get(PAGE - 1).filter(|_| matching.len() > PAGE);
    ((200, Value::Array(page)), last.map(|attempt| format!("cursor=v{}", attempt.id)))
}

/// `GET /app/hook/deliveries/{id}`.
pub(super) fn one(github: &GitHub, id: &str) -> Answer {
    let found = github.state().attempts.iter().find(|attempt| attempt.id.to_string() == id).cloned();
    let Some(attempt) = found else { return not_found() };
    let mut answer = attempt_json(github, &attempt);
    answer["request"] = json!({ "headers": { "X-GitHub-Delivery": attempt.delivery.guid }, "payload": attempt.delivery.json() });
    answer["response"] = json!({ "headers": {}, "payload": "" });
    (200, answer)
}

/// `POST /app/hook/deliveries/{id}/attempts`: the same delivery goes out
/// again, with the same guid, after the answer.
#[expect(clippy::disallowed_methods, reason = "GitHub answers before it delivers")]
pub(super) fn again(github: &GitHub, id: &str) -> Answer {
    let found = github.state().attempts.iter().find(|attempt| attempt.id.to_string() == id).cloned();
    let Some(attempt) = found else { return not_found() };
    let github = github.clone();
    tokio::spawn(async move { github.attempt(&attempt.delivery, true).await });
    (202, json!({}))
}
