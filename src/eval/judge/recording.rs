//! Who answers: the provider, with its answers kept if that is wanted, or the
//! kept answers alone.
//!
//! An answer is found by the hash of the request's bytes, so a request that
//! is not the one of the recording finds nothing. What the provider refused is
//! kept too: the same run again gives the same score.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::change::Cost;
use crate::clock::elapsed_ms;
use crate::failure::Failure;
use crate::ids::SessionId;
use crate::judge::{Oracle, Provider};
use crate::model::{CallError, Model, Reply};
use crate::outcome::Outcome;
use crate::record::{Caller, Log, Recorder, SessionEvent, Usage};

/// One kept answer: a line of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    key: String,
    model: String,
    /// `None` when there was no reply.
    answer: Option<Answer>,
    #[serde(default)]
    usage: Usage,
    cost: Cost,
    duration_ms: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Answer {
    content: Vec<Value>,
    stop_reason: String,
}

/// The answers of an earlier run, all of one model.
#[derive(Debug, Default)]
pub struct Kept {
    model: String,
    lines: BTreeMap<String, Line>,
}

impl Kept {
    /// # Errors
    /// The file cannot be read, or holds answers of several models.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let failed = || format!("could not read the kept answers in {}", path.display());
        let text = std::fs::read_to_string(path).with_context(failed)?;
        let mut kept = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let line: Line = serde_json::from_str(line).with_context(failed)?;
            if kept.lines.is_empty() {
                kept.model.clone_from(&line.model);
            } else if kept.model != line.model {
                anyhow::bail!("{}: they are of {} and of {}", failed(), kept.model, line.model);
            }
            kept.lines.insert(line.key.clone(), line);
        }
        Ok(kept)
    }
}

/// Where answers come from.
#[derive(Debug)]
pub enum Answers {
    /// The provider; its answers go into the file, if there is one.
    Provider {
        model: Box<Model>,
        recorder: Recorder,
        file: Option<Mutex<File>>,
    },
    Kept(Kept),
}

/// The cases of a run are no sessions: nothing is written into a log.
struct NoLog;

impl Log for NoLog {
    fn append(&self, _session: SessionId, _event: SessionEvent) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }
}

impl Answers {
    /// Asks this model, and keeps its answers in a new file if one is named.
    ///
    /// # Errors
    /// The file is there already, or cannot be made: answers cost money, and
    /// none is written over.
    pub fn of(model: Model, file: Option<&Path>) -> anyhow::Result<Self> {
        let create = |path: &Path| {
            File::create_new(path)
                .with_context(|| format!("could not begin the recording {}", path.display()))
        };
        let file = file.map(create).transpose()?.map(Mutex::new);
        let recorder = Recorder::new(SessionId::generate(), Arc::new(NoLog));
        Ok(Self::Provider { model: Box::new(model), recorder, file })
    }

    pub(super) fn model(&self) -> &str {
        match self {
            Self::Provider { model, .. } => model.name(Caller::Judge),
            Self::Kept(kept) => &kept.model,
        }
    }

    /// For one case.
    pub(super) fn oracle(&self) -> Counted<'_> {
        Counted {
            answers: self,
            calls: AtomicU32::new(0),
            cost: AtomicU64::new(0),
            missing: AtomicBool::new(false),
        }
    }

    /// Adds one line to the recording.
    fn keep(&self, line: &Line) -> Result<(), Failure> {
        let Self::Provider { file: Some(file), .. } = self else { return Ok(()) };
        let failed = || Failure::bug("keep an answer");
        let mut text = serde_json::to_string(line).map_err(|error| failed().because(error))?;
        text.push('\n');
        let mut file = file.lock().map_err(|_poisoned| failed())?;
        file.write_all(text.as_bytes()).map_err(|error| failed().because(error))
    }
}

/// The answers as one case sees them, with what they cost.
pub(super) struct Counted<'a> {
    answers: &'a Answers,
    calls: AtomicU32,
    cost: AtomicU64,
    missing: AtomicBool,
}

impl Counted<'_> {
    pub(super) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(super) fn cost(&self) -> Cost {
        Cost(self.cost.load(Ordering::Relaxed))
    }

    /// A request had no kept answer.
    pub(super) fn is_missing(&self) -> bool {
        self.missing.load(Ordering::Relaxed)
    }

    async fn live(
        &self,
        model: &Model,
        recorder: &Recorder,
        number: u32,
        body: &Value,
    ) -> Result<Reply, CallError> {
        let start = Instant::now();
        let result = Provider { model, recorder }.ask(number, body).await;
        let answer = result
            .as_ref()
            .ok()
            .map(|reply| Answer { content: reply.content.clone(), stop_reason: reply.stop_reason.clone() });
        let (usage, cost) = result.as_ref().map(|reply| (reply.usage, reply.cost)).unwrap_or_default();
        let model = self.answers.model().to_owned();
        self.answers.keep(&Line {
            key: key(body),
            model,
            answer,
            usage,
            cost,
            duration_ms: elapsed_ms(start),
        })?;
        result
    }

    fn replayed(&self, kept: &Kept, body: &Value) -> Result<Reply, CallError> {
        let Some(line) = kept.lines.get(&key(body)) else {
            self.missing.store(true, Ordering::Relaxed);
            return Err(Failure::bug("find a kept answer to this request").into());
        };
        let Some(Answer { content, stop_reason }) = line.answer.clone() else {
            let what = "get a reply from the model's provider when the answers were kept";
            return Err(Failure::user(Outcome::ProviderUnavailable, what).into());
        };
        let duration = Duration::from_millis(line.duration_ms);
        Ok(Reply { content, stop_reason, usage: line.usage, cost: line.cost, duration })
    }
}

impl Oracle for Counted<'_> {
    fn worst_case(&self, body: &Value) -> Cost {
        match self.answers {
            Answers::Provider { model, .. } => model.worst_case(Caller::Judge, body),
            Answers::Kept(_) => Cost(0),
        }
    }

    fn ask<'a>(&'a self, number: u32, body: &'a Value) -> BoxFuture<'a, Result<Reply, CallError>> {
        Box::pin(async move {
            self.calls.fetch_add(1, Ordering::Relaxed);
            let result = match self.answers {
                Answers::Provider { model, recorder, .. } => self.live(model, recorder, number, body).await,
                Answers::Kept(kept) => self.replayed(kept, body),
            };
            if let Ok(reply) = &result {
                self.cost.fetch_add(reply.cost.0, Ordering::Relaxed);
            }
            result
        })
    }
}

/// The hash of a request's bytes, which are without the model's name.
fn key(body: &Value) -> String {
    hex::encode(Sha256::digest(body.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn file(lines: &[Line]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text: Vec<String> = lines.iter().map(|line| serde_json::to_string(line).unwrap()).collect();
        std::fs::write(file.path(), text.join("\n")).unwrap();
        file
    }

    fn line(body: &Value, model: &str, answer: bool) -> Line {
        let answer =
            answer.then(|| Answer { content: vec![json!({ "type": "text" })], stop_reason: "x".into() });
        Line {
            key: key(body),
            model: model.into(),
            answer,
            usage: Usage::default(),
            cost: Cost(5),
            duration_ms: 7,
        }
    }

    #[tokio::test]
    async fn only_the_same_request_finds_its_answer() {
        let (asked, refused, changed) = (json!({ "a": 1 }), json!({ "a": 2 }), json!({ "a": 3 }));
        let file = file(&[line(&asked, "m", true), line(&refused, "m", false)]);
        let answers = Answers::Kept(Kept::read(file.path()).unwrap());
        assert_eq!(answers.model(), "m");
        let oracle = answers.oracle();
        assert_eq!(oracle.ask(1, &asked).await.unwrap().cost, Cost(5));
        let Err(CallError::Failed(failure)) = oracle.ask(2, &refused).await else { panic!("an answer") };
        assert_eq!(failure.outcome(), Outcome::ProviderUnavailable);
        assert!(!oracle.is_missing());
        assert!(oracle.ask(3, &changed).await.is_err() && oracle.is_missing());
        assert_eq!((oracle.calls(), oracle.cost()), (3, Cost(5)));
    }

    #[test]
    fn answers_of_two_models_are_no_measurement_of_one() {
        let file = file(&[line(&json!(1), "m", true), line(&json!(2), "n", true)]);
        assert!(Kept::read(file.path()).unwrap_err().to_string().contains("of m and of n"));
    }
}
