//! A scripted server of the Messages API.
//!
//! It answers from what the conversation says, not from what it remembers, so
//! that a session that died and began again finds the same model. It checks
//! every request as strictly as the provider would, and more.

mod judge;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The key that the server knows.
pub const KEY: &str = "stand-in-key";

pub use judge::Judge;

/// How the model behaves as the agent.
#[derive(Debug, Clone)]
pub enum Agent {
    /// Repairs a default import that became a named one, as a good model
    /// would: searches, edits what it found, verifies, finishes.
    Repair,
    /// Makes these edits in one turn, verifies, finishes.
    Edits(Vec<Edit>),
    /// By what the first message is about: the first of these whose words are
    /// in it.
    About(Vec<(String, Self)>),
    /// The same reply for ever: content blocks. `{n}` in an id is the number
    /// of the turn.
    Always(Value),
    /// These replies in turn, then the last one again.
    Turns(Vec<Value>),
}

/// One replacement in a file; the old text is there exactly once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    pub path: String,
    pub old: String,
    pub new: String,
}

/// The whole behaviour.
#[derive(Debug, Clone)]
pub struct Script {
    pub agent: Agent,
    pub judge: Judge,
    /// Statuses that the next requests get instead of a reply.
    pub faults: Vec<u16>,
    /// Text that must never be in a request.
    pub canaries: Vec<String>,
}

impl Default for Script {
    fn default() -> Self {
        Self { agent: Agent::Repair, judge: Judge::Accept, faults: Vec::new(), canaries: Vec::new() }
    }
}

#[derive(Debug)]
struct Seen {
    script: Script,
    violations: Vec<String>,
    /// By who asks: system and tools, which never change.
    fixed: BTreeMap<&'static str, String>,
    /// By the first message: what was said so far.
    conversations: BTreeMap<String, Vec<String>>,
    agent_calls: u32,
    judge_calls: u32,
}

/// A running model. Clones share it.
#[derive(Debug, Clone)]
pub struct Model {
    seen: Arc<Mutex<Seen>>,
    url: String,
}

impl Model {
    /// Starts on a free port of loopback.
    ///
    /// # Errors
    /// There is none.
    #[expect(
        clippy::disallowed_methods,
        reason = "the server lives as long as the runtime of its test or demo"
    )]
    pub async fn start(script: Script) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.context("could not listen")?;
        let seen = Seen {
            script,
            violations: Vec::new(),
            fixed: BTreeMap::new(),
            conversations: BTreeMap::new(),
            agent_calls: 0,
            judge_calls: 0,
        };
        let model =
            Self { seen: Arc::new(Mutex::new(seen)), url: format!("http://{}", listener.local_addr()?) };
        let router = Router::new().route("/v1/messages", post(answer)).with_state(model.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(model)
    }

    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        match self.seen.lock() {
            Ok(seen) => seen,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    /// Replies so far: to the agent, to the judge.
    #[must_use]
    pub fn calls(&self) -> (u32, u32) {
        let seen = self.seen();
        (seen.agent_calls, seen.judge_calls)
    }

    /// Every request was as it must be.
    ///
    /// # Errors
    /// With what was wrong.
    pub fn finish(&self) -> anyhow::Result<()> {
        let seen = self.seen();
        anyhow::ensure!(seen.violations.is_empty(), "bad requests to the model: {:#?}", seen.violations);
        Ok(())
    }
}

fn error(status: u16, kind: &str, message: &str) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({ "type": "error", "error": { "type": kind, "message": message } });
    (status, axum::Json(body)).into_response()
}

async fn answer(State(model): State<Model>, headers: HeaderMap, body: String) -> Response<Body> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if header("x-api-key") != KEY {
        return error(401, "authentication_error", "invalid x-api-key");
    }
    let mut seen = model.seen();
    if !seen.script.faults.is_empty() {
        let status = seen.script.faults.remove(0);
        return error(status, "overloaded_error", "Overloaded");
    }
    let Ok(request) = serde_json::from_str::<Value>(&body) else {
        return error(400, "invalid_request_error", "not JSON");
    };
    if header("anthropic-version").is_empty() || request["model"].as_str().is_none() {
        return error(400, "invalid_request_error", "a header or the model is missing");
    }
    seen.check(&request, &body);
    if is_judge(&request) && matches!(seen.script.judge, Judge::Overloaded) {
        // For good, so whoever comes again need not wait.
        let mut refusal = error(529, "overloaded_error", "Overloaded");
        refusal.headers_mut().insert("retry-after", HeaderValue::from_static("0"));
        return refusal;
    }
    let content = seen.reply(&request);
    let tool =
        content.as_array().is_some_and(|blocks| blocks.iter().any(|block| block["type"] == "tool_use"));
    let reply = json!({
        "id": "msg_stand_in", "type": "message", "role": "assistant", "model": request["model"],
        "content": content,
        "stop_reason": if tool { "tool_use" } else { "end_turn" },
        "usage": {
            "input_tokens": 40, "output_tokens": content.to_string().len() / 4,
            "cache_creation_input_tokens": 300, "cache_read_input_tokens": body.len() / 5,
        },
    });
    axum::Json(reply).into_response()
}

/// A forced tool is how the judge asks.
fn is_judge(request: &Value) -> bool {
    request["tool_choice"]["type"] == "tool"
}

fn messages(request: &Value) -> &[Value] {
    request["messages"].as_array().map(Vec::as_slice).unwrap_or_default()
}

impl Seen {
    fn check(&mut self, request: &Value, body: &str) {
        for canary in self.script.canaries.clone() {
            if body.contains(&canary) {
                self.violations.push("a secret is in the request".to_owned());
            }
        }
        self.check_fixed(request);
        self.check_answers(request);
        if !is_judge(request) {
            self.check_prefix(request);
        }
    }

    fn check_fixed(&mut self, request: &Value) {
        let who = if is_judge(request) { "judge" } else { "agent" };
        let fixed = format!("{}{}", request["system"], request["tools"]);
        if *self.fixed.entry(who).or_insert_with(|| fixed.clone()) != fixed {
            self.violations.push(format!("the system or the tools of the {who} changed"));
        }
    }

    /// Every `tool_use` is answered once, in the next message.
    fn check_answers(&mut self, request: &Value) {
        let ids = |message: &Value, kind: &str, key: &str| -> Vec<String> {
            let blocks = message["content"].as_array().cloned().unwrap_or_default();
            let ids = blocks.iter().filter(|block| block["type"] == kind);
            ids.map(|block| block[key].as_str().unwrap_or_default().to_owned()).collect()
        };
        for pair in messages(request).windows(2) {
            let [asked, answered] = pair else { continue };
            let mut used = ids(asked, "tool_use", "id");
            let mut results = ids(answered, "tool_result", "tool_use_id");
            used.sort();
            results.sort();
            if used != results {
                self.violations.push(format!("asked {used:?}, answered {results:?}"));
            }
        }
        if messages(request).last().is_some_and(|last| last["role"] != "user") {
            self.violations.push("the last message is not the user's".to_owned());
        }
    }

    /// What was said stays said, byte for byte but for the cache's marks.
    fn check_prefix(&mut self, request: &Value) {
        let said: Vec<String> = messages(request)
            .iter()
            .map(|message| message.to_string().replace(",\"cache_control\":{\"type\":\"ephemeral\"}", ""))
            .collect();
        let Some(first) = said.first().cloned() else { return };
        let before = self.conversations.entry(first).or_default();
        // A session that began again is shorter.
        if said.len() > before.len() && !said.starts_with(before) {
            self.violations.push("an earlier message changed".to_owned());
        }
        *before = said;
    }

    fn reply(&mut self, request: &Value) -> Value {
        if is_judge(request) {
            self.judge_calls += 1;
            return self.script.judge.answer(request);
        }
        self.agent_calls += 1;
        let turn = messages(request).iter().filter(|message| message["role"] == "assistant").count();
        let content = answered(&self.script.agent, request, turn);
        serde_json::from_str(&content.to_string().replace("{n}", &turn.to_string())).unwrap_or_default()
    }
}

fn answered(agent: &Agent, request: &Value, turn: usize) -> Value {
    match agent {
        Agent::Repair => repair(request, turn),
        Agent::Edits(edits) => match turn {
            0 => edit_all(edits),
            _ => conclude(request, turn - 1),
        },
        Agent::About(agents) => {
            let first = messages(request).first().map(Value::to_string).unwrap_or_default();
            let mut about = agents.iter().filter(|(words, _)| first.contains(words.as_str()));
            about.next().map_or_else(|| repair(request, turn), |(_, agent)| answered(agent, request, turn))
        }
        Agent::Always(content) => content.clone(),
        Agent::Turns(replies) => replies.get(turn).or(replies.last()).cloned().unwrap_or_default(),
    }
}

/// One `tool_use` block in a reply.
#[must_use]
pub fn tool_use(name: &str, input: &Value) -> Value {
    json!([{ "type": "tool_use", "id": "toolu_{n}", "name": name, "input": input }])
}

/// The text of all results and texts in the last message.
fn heard(request: &Value) -> String {
    let last = messages(request).last().cloned().unwrap_or_default();
    let blocks = last["content"].as_array().cloned().unwrap_or_default();
    let texts: Vec<String> = blocks
        .iter()
        .filter_map(|block| block["content"].as_str().or(block["text"].as_str()))
        .map(str::to_owned)
        .collect();
    texts.join("\n")
}

/// The package of the task: "works with PACKAGE VERSION instead of".
fn package(request: &Value) -> String {
    let first = messages(request).first().map(ToString::to_string).unwrap_or_default();
    let after = first.split("works with ").nth(1).unwrap_or_default();
    after.split(' ').next().unwrap_or_default().to_owned()
}

fn repair(request: &Value, turn: usize) -> Value {
    let package = package(request);
    match turn {
        0 => tool_use("search", &json!({ "pattern": format!("require\\('{package}'\\)") })),
        1 => {
            let found = heard(request);
            let sites: BTreeSet<(String, String)> =
                found.lines().filter_map(|line| call_site(line, &package)).collect();
            let edits = sites.into_iter().map(|(path, old)| {
                let new = old.replacen(&package, &format!("{{ {package} }}"), 1);
                Edit { path, old, new }
            });
            edit_all(&edits.collect::<Vec<Edit>>())
        }
        _ => conclude(request, turn - 2),
    }
}

/// All edits in one reply.
fn edit_all(edits: &[Edit]) -> Value {
    let blocks = edits.iter().enumerate().map(|(index, Edit { path, old, new })| {
        json!({ "type": "tool_use", "id": format!("toolu_edit_{index}"), "name": "edit_file",
            "input": { "path": path, "old_string": old, "new_string": new } })
    });
    Value::Array(blocks.collect())
}

/// What follows the edits: the checks, then the end that they allow.
fn conclude(request: &Value, turn: usize) -> Value {
    let heard = heard(request);
    match turn {
        0 => tool_use("verify", &json!({})),
        _ if heard.contains("all checks pass") || heard.contains("the judge refused") => {
            tool_use("finish", &json!({ "summary": "The call sites use the new interface." }))
        }
        _ => tool_use("abstain", &json!({ "reason": "The checks still fail after the edit." })),
    }
}

/// `path:line:text` of a default import.
fn call_site(line: &str, package: &str) -> Option<(String, String)> {
    let mut parts = line.splitn(3, ':');
    let (path, _number, text) = (parts.next()?, parts.next()?, parts.next()?);
    text.contains(&format!("const {package} = ")).then(|| (path.to_owned(), text.trim().to_owned()))
}
