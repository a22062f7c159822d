//! Where the log is read over HTTP. Reading only.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::Markup;

use super::{SessionLog, best_change, page};
use crate::failure::Failure;
use crate::ids::SessionId;
use crate::record::{Entry, SessionEvent};
use crate::summary::Summary;

/// Sessions on the list.
const LISTED: u32 = 100;

/// The pages and their data.
pub fn router(log: SessionLog) -> Router {
    Router::new()
        .route("/sessions", get(list))
        .route("/sessions.json", get(list_json))
        .route("/sessions/{id}", get(session))
        .route("/sessions/{id}/summary", get(summary))
        .route("/sessions/{id}/events", get(events))
        .route("/sessions/{id}/patch", get(patch))
        .route("/sessions/{id}/log/{seq}", get(raw_log))
        .layer(middleware::from_fn(guard))
        .with_state(log)
}

/// Pages show what repositories and models said: no script, no request, no
/// frame, whatever slipped through the escaping.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Why a page is not shown.
enum Missing {
    NotFound,
    Failed(Failure),
}

impl IntoResponse for Missing {
    fn into_response(self) -> Response {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "no such session").into_response(),
            Self::Failed(failure) => {
                tracing::error!(%failure, "page not shown");
                (StatusCode::INTERNAL_SERVER_ERROR, "could not read the log").into_response()
            }
        }
    }
}

impl From<Failure> for Missing {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

async fn found(log: &SessionLog, id: &str) -> Result<(SessionId, Vec<Entry>), Missing> {
    let session: SessionId = id.parse().map_err(|_not_an_id| Missing::NotFound)?;
    let entries = log.read(session).await?;
    if entries.is_empty() { Err(Missing::NotFound) } else { Ok((session, entries)) }
}

async fn list(State(log): State<SessionLog>) -> Result<Markup, Missing> {
    Ok(page::list(&log.list(LISTED).await?))
}

async fn list_json(State(log): State<SessionLog>) -> Result<axum::Json<Vec<Summary>>, Missing> {
    Ok(axum::Json(log.list(LISTED).await?))
}

async fn session(State(log): State<SessionLog>, Path(id): Path<String>) -> Result<Markup, Missing> {
    let (session, entries) = found(&log, &id).await?;
    Ok(page::session(&Summary::fold(session, &entries), &entries))
}

async fn summary(
    State(log): State<SessionLog>,
    Path(id): Path<String>,
) -> Result<axum::Json<Summary>, Missing> {
    let (session, entries) = found(&log, &id).await?;
    Ok(axum::Json(Summary::fold(session, &entries)))
}

async fn events(State(log): State<SessionLog>, Path(id): Path<String>) -> Result<Response, Missing> {
    let (_session, entries) = found(&log, &id).await?;
    let lines: Vec<String> = entries.iter().filter_map(|entry| serde_json::to_string(entry).ok()).collect();
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], lines.join("\n") + "\n").into_response())
}

/// All that one command said.
async fn raw_log(
    State(log): State<SessionLog>,
    Path((id, seq)): Path<(String, u64)>,
) -> Result<Response, Missing> {
    let (_session, entries) = found(&log, &id).await?;
    let text = entries.into_iter().find(|entry| entry.seq == seq).and_then(|entry| match entry.event {
        SessionEvent::Log { text, .. } => Some(text),
        _ => None,
    });
    Ok(plain(text.ok_or(Missing::NotFound)?))
}

fn plain(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// The best change that was taken out of the container, also when the session
/// did not end well.
async fn patch(State(log): State<SessionLog>, Path(id): Path<String>) -> Result<Response, Missing> {
    let (session, entries) = found(&log, &id).await?;
    let summary = Summary::fold(session, &entries);
    let diff = best_change(&summary, &entries).ok_or(Missing::NotFound)?.to_owned();
    Ok(plain(diff))
}
