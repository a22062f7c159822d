//! Every request of the App, sent once more to another server, which checks
//! it against GitHub's own description. What that one answers is not used:
//! it has no state.

use axum::http::HeaderMap;
use serde_json::Value;

use super::{GitHub, INSTALLATION, client};

/// The installation that the other server knows.
const THEIRS: u64 = 5;
/// What of a request's head matters.
const HEADERS: [&str; 4] = ["accept", "content-type", "user-agent", "x-github-api-version"];

/// One request, as it came.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

impl GitHub {
    /// From now on every request of the REST API is also sent to `root`.
    pub fn mirror_to(&self, root: &str) {
        self.state().mirror = Some(root.to_owned());
    }
}

/// Sends a request on. `answer` is our own: a token in it stands for theirs
/// from then on.
pub(super) async fn send(github: &GitHub, request: &Request<'_>, answer: &Value) {
    let Some(root) = github.state().mirror.clone() else { return };
    if let Err(error) = forward(github, &root, request, answer).await {
        github.state().unexpected.push(format!("{} was not mirrored: {error:#}", request.path));
    }
}

async fn forward(github: &GitHub, root: &str, request: &Request<'_>, answer: &Value) -> anyhow::Result<()> {
    let path = request
        .path
        .replace(&format!("/installations/{INSTALLATION}/"), &format!("/installations/{THEIRS}/"));
    let mark = if request.query.is_empty() { "" } else { "?" };
    let method = reqwest::Method::from_bytes(request.method.as_bytes())?;
    let mut sent = client()?.request(method, format!("{root}{path}{mark}{}", request.query));
    for name in HEADERS {
        if let Some(value) = request.headers.get(name) {
            sent = sent.header(name, value);
        }
    }
    if let Some(value) = request.headers.get("authorization").and_then(|value| value.to_str().ok()) {
        let token = value.strip_prefix("Bearer ").unwrap_or(value);
        let theirs = github.state().mirrored.get(token).cloned();
        sent = sent.header("authorization", format!("Bearer {}", theirs.as_deref().unwrap_or(token)));
    }
    if !request.body.is_empty() {
        sent = sent.body(request.body.to_vec());
    }
    let theirs: Value = sent.send().await?.json().await.unwrap_or_default();
    if let (Some(ours), Some(theirs)) = (answer["token"].as_str(), theirs["token"].as_str()) {
        github.state().mirrored.insert(ours.to_owned(), theirs.to_owned());
    }
    Ok(())
}
