//! The doors: REST below `/api/v3`, git below `/{owner}/{name}.git`, pages.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{FaultKind, GitHub, alerts, api, git, pages};

#[expect(clippy::disallowed_methods, reason = "the server lives as long as the runtime of its test or demo")]
pub(super) fn serve(listener: TcpListener, github: GitHub) {
    let router = Router::new().fallback(answer).with_state(github);
    tokio::spawn(async move { axum::serve(listener, router).await });
}

fn said(status: u16, body: &Value) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status == StatusCode::NO_CONTENT {
        return status.into_response();
    }
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body.to_string()).into_response()
}

async fn answer(State(github): State<GitHub>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 64 * 1024 * 1024).await else { return said(413, &json!({})) };
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let method = parts.method.as_str().to_owned();
    if let Some(rest) = path.strip_prefix("/api/v3") {
        return rest_answer(&github, &method, rest, (&query, &parts.headers, &body)).await;
    }
    if path.contains(".git/") {
        return git_answer(&github, &method, &path, (&query, &parts.headers, body.to_vec())).await;
    }
    pages::page(&github, &path).await
}

async fn rest_answer(
    github: &GitHub,
    method: &str,
    path: &str,
    (query, headers, body): (&str, &HeaderMap, &[u8]),
) -> Response<Body> {
    github.state().requests.push(format!("{method} {path}"));
    let fault = take_fault(github, method, path);
    if let Some(FaultKind::Status(status)) = fault {
        return said(status, &json!({ "message": "Server Error" }));
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .unwrap_or_default();
    let call = api::Call { method, path, query, body: &body, bearer };
    let (status, answer) = api::answer(github, &call).await;
    github.touch();
    if fault == Some(FaultKind::AppliedThenLost) {
        return said(502, &json!({ "message": "Bad Gateway" }));
    }
    let mut response = said(status, &answer);
    if let Some(link) = alerts::link(github, &call).and_then(|link| link.parse().ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

fn take_fault(github: &GitHub, method: &str, path: &str) -> Option<FaultKind> {
    let mut state = github.state();
    let found = state
        .faults
        .iter_mut()
        .find(|fault| fault.times > 0 && fault.method == method && path.contains(fault.path))?;
    found.times -= 1;
    Some(found.kind)
}

/// Fetching wants `contents: read`, pushing `contents: write`.
async fn git_answer(
    github: &GitHub,
    method: &str,
    path: &str,
    (query, headers, body): (&str, &HeaderMap, Vec<u8>),
) -> Response<Body> {
    let repo = path.trim_start_matches('/').split(".git/").next().unwrap_or_default();
    let level = if path.contains("git-receive-pack") || query.contains("git-receive-pack") {
        "write"
    } else {
        "read"
    };
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
        .and_then(|basic| String::from_utf8(STANDARD.decode(basic).ok()?).ok())
        .and_then(|pair| Some(pair.split_once(':')?.1.to_owned()));
    let Some(token) = token else {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"GitHub\"")])
            .into_response();
    };
    if !api::token_may(github, &token, repo, "contents", level) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let answered = git::http(&github.0.dir, path, method, query, (headers, body)).await;
    github.touch();
    answered.unwrap_or_else(|error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response())
}
