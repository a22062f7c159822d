//! A small GitHub for the adapter's own tests: it answers what a test tells
//! it, in order, and remembers what was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use serde_json::{Value, json};

use super::{GitHub, Settings};
use crate::ids::Repository;
use crate::secret::Secret;

/// An answer to come: status, headers, body.
pub(super) type Told = (u16, Vec<(&'static str, String)>, Value);

/// A request that came.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// `METHOD /path?query`.
    pub(super) line: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    pub(super) at: std::time::Instant,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

#[derive(Default)]
struct Kept {
    answers: VecDeque<(&'static str, Told)>,
    asked: Vec<Asked>,
    tokens: u32,
}

/// Tokens are made here without being told; every other request takes the
/// first answer whose line begins the request's.
#[derive(Clone, Default)]
pub(super) struct Small(Arc<Mutex<Kept>>);

impl Small {
    /// Starts it, with an adapter that speaks to it.
    pub(super) async fn start() -> (Self, GitHub, String) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let small = Self::default();
        let router = Router::new().fallback(answer).with_state(small.clone());
        #[expect(clippy::disallowed_methods, reason = "the server lives as long as the runtime of its test")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        let key = standin::github::Key::generate().unwrap();
        let github = GitHub::new(Settings {
            base_url: address.clone(),
            web_url: address.clone(),
            app_id: 777,
            private_key: Secret::new(key.pem()),
            write_pause: Duration::from_millis(150),
        });
        (small, github.unwrap(), address)
    }

    /// The next answer to requests that begin with `line`.
    pub(super) fn tell(&self, line: &'static str, status: u16, body: Value) {
        self.tell_with(line, (status, Vec::new(), body));
    }

    pub(super) fn tell_with(&self, line: &'static str, told: Told) {
        self.0.lock().unwrap().answers.push_back((line, told));
    }

    /// What was asked so far, without the making of tokens.
    pub(super) fn asked(&self) -> Vec<Asked> {
        let kept = self.0.lock().unwrap();
        kept.asked.iter().filter(|asked| !asked.line.contains("access_tokens")).cloned().collect()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    /// The requests for tokens.
    pub(super) fn minted(&self) -> Vec<Asked> {
        let kept = self.0.lock().unwrap();
        kept.asked.iter().filter(|asked| asked.line.contains("access_tokens")).cloned().collect()
    }

    fn next(&self, line: &str) -> Told {
        let mut kept = self.0.lock().unwrap();
        let found = kept.answers.iter().position(|(start, _)| line.starts_with(start));
        if let Some(told) = found.and_then(|at| kept.answers.remove(at)) {
            return told.1;
        }
        if line.contains("access_tokens") {
            kept.tokens += 1;
            let token = format!("ghs_777_{}.{}", "x-y_z".repeat(100), kept.tokens);
            return (201, Vec::new(), json!({ "token": token }));
        }
        (404, Vec::new(), json!({ "message": "Not Found" }))
    }
}

async fn answer(State(small): State<Small>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let line = format!("{} {}", parts.method, parts.uri);
    small.0.lock().unwrap().asked.push(Asked {
        line: line.clone(),
        headers: parts.headers,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
        at: std::time::Instant::now(),
    });
    let (status, headers, body) = small.next(&line);
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Body::from(body.to_string())).unwrap()
}

/// The repository of the tests.
pub(super) fn repo() -> Repository {
    Repository { name: "octo/hello".parse().unwrap(), id: 99, installation: 5 }
}
