//! The doors: REST below `/api/v3`, git below `/{owner}/{name}.git`, pages.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use super::{FaultKind, GitHub, api, faults, git, mirror, pages};

#[expect(clippy::disallowed_methods, reason = "the server lives as long as the runtime of its test or demo")]
pub(super) fn serve(listener: TcpListener, github: GitHub) {
    let router = Router::new().fallback(answer).with_state(github);
    tokio::spawn(async move { axum::serve(listener, router).await });
}

pub(super) fn said(status: u16, body: &Value) -> Response<Body> {
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
    if method == "POST" {
        return pages::create_app(&github, &path, &query, &body);
    }
    pages::page(&github, &path).await
}

async fn rest_answer(
    github: &GitHub,
    method: &str,
    path: &str,
    (query, headers, body): (&str, &HeaderMap, &[u8]),
) -> Response<Body> {
    github.state().requests.push((std::time::Instant::now(), format!("{method} {path}")));
    let fault = faults::take(github, method, path);
    if let Some(refusal) = fault.and_then(faults::refusal) {
        return refusal;
    }
    let sent = mirror::Request { method, path, query, headers, body };
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .unwrap_or_default();
    let call = api::Call { method, path, query, body: &body, bearer };
    let reply = api::answer(github, &call).await;
    mirror::send(github, &sent, &reply.body).await;
    github.touch();
    if fault == Some(FaultKind::AppliedThenLost) {
        return said(502, &json!({ "message": "Bad Gateway" }));
    }
    let mut status = reply.status;
    let etag = format!("W/\"{}\"", hex::encode(Sha256::digest(reply.body.to_string())));
    let seen = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let unchanged = method == "GET" && status == 200 && seen == Some(&etag);
    if unchanged {
        status = 304;
    }
    let mut response =
        if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { said(status, &reply.body) };
    let mut add = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    if method == "GET" && reply.status == 200 {
        add("etag", &etag);
    }
    add("x-ratelimit-limit", "5000");
    add("x-ratelimit-remaining", "4999");
    add("x-ratelimit-reset", &(jiff::Timestamp::now().as_second() + 3600).to_string());
    add("x-github-media-type", "github.v3; format=json");
    for (name, value) in &reply.headers {
        add(name, value);
    }
    response
}

/// Fetching wants `contents: read`, pushing `contents: write`. A former name
/// leads to the present one.
async fn git_answer(
    github: &GitHub,
    method: &str,
    path: &str,
    (query, headers, body): (&str, &HeaderMap, Vec<u8>),
) -> Response<Body> {
    let (repo, rest) = path.trim_start_matches('/').split_once(".git/").unwrap_or_default();
    let moved = {
        let state = github.state();
        let former = state.former.get(repo).filter(|_| !state.repos.contains_key(repo)).copied();
        former.and_then(|id| state.name_of(id))
    };
    if let Some(name) = moved {
        let mark = if query.is_empty() { "" } else { "?" };
        let there = format!("{}/{name}.git/{rest}{mark}{query}", github.web_url());
        return (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, there)]).into_response();
    }
    let pushes = rest.contains("git-receive-pack") || query.contains("git-receive-pack");
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
        .and_then(|basic| String::from_utf8(STANDARD.decode(basic).ok()?).ok())
        .and_then(|pair| Some(pair.split_once(':')?.1.to_owned()));
    let Some(token) = token else {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"GitHub\"")])
            .into_response();
    };
    let archived = github.repo(repo).archived;
    let level = if pushes { "write" } else { "read" };
    if !api::token_may(github, &token, repo, "contents", level) || (pushes && archived) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let workflows = api::token_may(github, &token, repo, "workflows", "write");
    let answered = git::http(&github.0.dir, path, method, query, (headers, body, workflows)).await;
    if pushes && method == "POST" {
        github.see_heads(repo).await.ok();
    }
    github.touch();
    answered.unwrap_or_else(|error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response())
}
