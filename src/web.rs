//! The receiver: a signature over raw bytes, then a durable delivery, then
//! an answer.
//!
//! Nothing of a body is parsed before its signature was checked, and nothing
//! is acknowledged before it is on disk. What a delivery means is decided
//! elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use crate::delivery::{Delivery, Receipt};
use crate::failure::Failure;
use crate::ids::DeliveryId;
use crate::secret::Secret;

/// GitHub's own cap on a webhook's body: 25 MiB.
const BODY_CAP: usize = 25 * 1024 * 1024;

/// Room that is made for a body because its length was announced: more than
/// most have, and not much for one that lies.
const ROOM: usize = 64 * 1024;

/// Who takes deliveries in.
pub trait Accept: Send + Sync {
    /// Keeps the delivery on disk and says what became of it.
    fn accept(&self, delivery: Delivery) -> BoxFuture<'_, Result<Receipt, Failure>>;

    /// Can deliveries be taken in now?
    fn ready(&self) -> BoxFuture<'_, Result<(), Failure>>;
}

/// What the receiver needs.
#[derive(Clone)]
pub struct Receiver {
    pub secret: Secret,
    pub accept: Arc<dyn Accept>,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Receiver")
    }
}

/// The routes of the receiver.
pub fn router(receiver: Receiver) -> Router {
    Router::new()
        .route("/webhooks/github", post(webhook))
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready))
        .with_state(receiver)
}

/// Why a delivery is not taken in.
struct Refused(StatusCode, &'static str);

async fn ready(State(receiver): State<Receiver>) -> Response {
    match receiver.accept.ready().await {
        Ok(()) => "ready".into_response(),
        Err(failure) => {
            tracing::warn!(%failure, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready").into_response()
        }
    }
}

async fn webhook(State(receiver): State<Receiver>, request: Request) -> Response {
    let delivery = match checked(&receiver.secret, request).await {
        Ok(delivery) => delivery,
        Err(Refused(status, why)) => {
            tracing::warn!(status = status.as_u16(), why, "delivery refused");
            return (status, why).into_response();
        }
    };
    match receiver.accept.accept(delivery).await {
        Ok(receipt) => (StatusCode::ACCEPTED, axum::Json(answer(&receipt))).into_response(),
        Err(failure) => {
            tracing::error!(%failure, "delivery not kept");
            // GitHub shows it as failed, and it can be sent again.
            (StatusCode::SERVICE_UNAVAILABLE, "could not keep the delivery").into_response()
        }
    }
}

fn answer(receipt: &Receipt) -> serde_json::Value {
    match receipt {
        Receipt::Queued(session) => json!({ "status": "queued", "session": session }),
        Receipt::Ignored(reason) => json!({ "status": "ignored", "reason": reason }),
        Receipt::Duplicate => json!({ "status": "duplicate" }),
        Receipt::Busy(session) => json!({ "status": "busy", "session": session }),
        Receipt::Noted => json!({ "status": "noted" }),
        Receipt::Cancelling(session) => json!({ "status": "cancelling", "session": session }),
    }
}

/// Size, type, signature, headers: in this order, the cheapest first.
async fn checked(secret: &Secret, request: Request) -> Result<Delivery, Refused> {
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    let length =
        text(&headers, header::CONTENT_LENGTH.as_str()).and_then(|length| length.parse::<usize>().ok());
    if length.is_some_and(|length| length > BODY_CAP) {
        return Err(Refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"));
    }
    let kind = text(&headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json"));
    }
    let signature = text(&headers, "x-hub-signature-256")
        .and_then(|value| hex::decode(value.strip_prefix("sha256=")?).ok())
        .ok_or(Refused(StatusCode::UNAUTHORIZED, "the signature is missing"))?;
    let body = read(body, length.unwrap_or_default()).await?;
    if !is_signed(secret, &body, &signature) {
        return Err(Refused(StatusCode::UNAUTHORIZED, "the signature is wrong"));
    }
    let guid = text(&headers, "x-github-delivery")
        .and_then(|guid| DeliveryId::try_from(guid.to_owned()).ok())
        .ok_or(Refused(StatusCode::BAD_REQUEST, "the delivery has no id"))?;
    let kind = text(&headers, "x-github-event")
        .filter(|kind| kind.len() <= 64 && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        .ok_or(Refused(StatusCode::BAD_REQUEST, "the delivery has no event"))?
        .to_owned();
    Ok(Delivery { guid, kind, body })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A length that was not announced is capped while it comes in.
async fn read(body: Body, announced: usize) -> Result<Vec<u8>, Refused> {
    let mut bytes = Vec::with_capacity(announced.min(ROOM));
    let mut stream = body.into_data_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|_cut| Refused(StatusCode::BAD_REQUEST, "the body was cut off"))?;
        if bytes.len() + piece.len() > BODY_CAP {
            return Err(Refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// HMAC-SHA256 over the raw bytes, compared in constant time.
fn is_signed(secret: &Secret, body: &[u8], signature: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { return false };
    mac.update(body);
    mac.verify_slice(signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_fits_its_bytes_and_its_secret_only() {
        // The example of GitHub's documentation on validating deliveries.
        let secret = Secret::new("It's a Secret to Everybody");
        let signature =
            hex::decode("757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17").unwrap();
        assert!(is_signed(&secret, b"Hello, World!", &signature));
        assert!(!is_signed(&secret, b"Hello, World?", &signature));
        assert!(!is_signed(&Secret::new("other"), b"Hello, World!", &signature));
        assert!(!is_signed(&secret, b"Hello, World!", &signature[..31]));
        assert!(!is_signed(&secret, b"Hello, World!", b""));
    }
}
