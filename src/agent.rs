//! The agent: a model with its tools, within its limits.
//!
//! It decides nothing. It ends with why it stopped; whether the tree is any
//! good is for others to say. The hard limits hold where the call is made:
//! turns, time of model and tools, money. Every attempt has a transcript of its
//! own: it starts from the task, what is wrong now, and what was tried in vain,
//! and carries none of the words that led there.

mod budget;
mod tools;
mod transcript;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use toolbox::api;

use crate::change::{ChangeType, Ecosystem, Limits, Resolved};
use crate::clock::elapsed_ms;
use crate::failure::Failure;
use crate::model::{Call, CallError, Model, Reply};
use crate::record::{Caller, Recorder, SessionEvent, StopReason};
use crate::text;
use budget::{Budget, Exceeded};
use transcript::Transcript;

pub use budget::Spent;
pub use tools::{Tools, connect};

/// Tokens of one reply.
const MAX_TOKENS: u32 = 8192;
/// Bytes of one tool result that the model is shown.
const RESULT_CAP: usize = 25 * 1024;
/// Bytes of the model's own words that are kept.
const SAID_CAP: usize = 1000;
/// The standing instructions.
const SYSTEM: &str = include_str!("../prompts/agent.md");
/// What stands before a person's words.
const HINT: &str = include_str!("../prompts/agent/hint.md");
const REVISE: &str = include_str!("../prompts/agent/revise.md");
/// Bytes of a person's words.
const WORDS_CAP: usize = 16 * 1024;

/// What to reach.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    pub change: &'a ChangeType,
    pub resolved: &'a Resolved,
    pub limits: Limits,
    /// What is known about the new version and its use here; may be empty.
    pub briefing: &'a str,
    pub words: Option<Words<'a>>,
}

/// What a person with write access says to the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words<'a> {
    /// Advice for the same task.
    Hint(&'a str),
    /// What to change on a pull request that is open.
    Instruction(&'a str),
}

impl Words<'_> {
    /// The engine's sentence about them, then the words, quoted.
    fn told(&self) -> String {
        let (about, words) = match self {
            Self::Hint(words) => (HINT, words),
            Self::Instruction(words) => (REVISE, words),
        };
        let words = text::head(&text::plain(words), WORDS_CAP);
        let quoted: Vec<String> = words.lines().map(|line| format!("> {line}")).collect();
        format!("{}\n\n{}", about.trim(), quoted.join("\n"))
    }
}

/// The engine's checks on the tree as it is in the container now.
pub trait Verifier: Send + Sync {
    /// A short digest for the model.
    fn verify(&self) -> BoxFuture<'_, Result<String, Failure>>;
}

/// The end of one attempt.
#[derive(Debug, Clone)]
pub struct Stopped {
    pub reason: StopReason,
    /// The model's own words, for people: its summary, or why it gives up.
    pub said: String,
    /// What this attempt alone spent.
    pub spent: Spent,
}

/// One session's agent.
pub struct Agent<'a> {
    model: &'a Model,
    tools: Tools,
    recorder: Recorder,
    task: String,
    transcript: Transcript,
    budget: Budget,
    calls: u32,
}

/// What one reply leads to.
enum Next {
    GoOn,
    Stop(StopReason, String),
}

impl Next {
    fn limit(exceeded: Exceeded) -> Self {
        let reason = match exceeded {
            Exceeded::Turns => StopReason::LimitTurns,
            Exceeded::Time => StopReason::LimitTime,
            Exceeded::Cost => StopReason::LimitCost,
        };
        Self::Stop(reason, String::new())
    }

    fn abstained(why: &str) -> Self {
        Self::Stop(StopReason::Abstained, text::head(&text::plain(why), SAID_CAP))
    }

    fn finished(summary: &str) -> Self {
        Self::Stop(StopReason::Finished, text::head(&text::plain(summary), SAID_CAP))
    }
}

impl<'a> Agent<'a> {
    #[must_use]
    pub fn new(task: Task<'_>, model: &'a Model, tools: Tools, recorder: Recorder) -> Self {
        let mut told = end_state(task.change, task.resolved);
        if !task.briefing.is_empty() {
            told = format!("{told}\n\n{}", task.briefing);
        }
        if let Some(words) = task.words {
            told = format!("{told}\n\n{}", words.told());
        }
        let transcript = Transcript::new(SYSTEM, MAX_TOKENS, told.clone());
        Self { model, tools, recorder, task: told, transcript, budget: Budget::new(task.limits), calls: 0 }
    }

    /// What has been spent over all attempts.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.budget.spent()
    }

    /// Works until the model says that it is done, or a limit is reached.
    /// `feedback` is all that this attempt knows beside the task: what the
    /// engine says about the tree as it is, and what was tried before.
    ///
    /// # Errors
    /// The provider, the container, the log or the verifier fails.
    pub async fn attempt(&mut self, feedback: &str, verifier: &dyn Verifier) -> Result<Stopped, Failure> {
        self.transcript = Transcript::new(SYSTEM, MAX_TOKENS, self.task.clone());
        self.transcript.say(feedback);
        let before = self.budget.spent();
        loop {
            if let Next::Stop(reason, said) = self.turn(verifier).await? {
                return Ok(Stopped { reason, said, spent: self.budget.spent().since(before) });
            }
        }
    }

    async fn turn(&mut self, verifier: &dyn Verifier) -> Result<Next, Failure> {
        self.transcript.say(&self.budget.status());
        let body = self.transcript.request();
        if let Err(exceeded) = self.budget.allows(self.model.worst_case(Caller::Agent, &body)) {
            return Ok(Next::limit(exceeded));
        }
        self.calls += 1;
        let call = Call {
            caller: Caller::Agent,
            number: self.calls,
            body: &body,
            deadline: self.budget.time_left(),
        };
        let reply = match self.model.call(&self.recorder, call).await {
            Ok(reply) => reply,
            Err(CallError::DeadlinePassed) => return Ok(Next::limit(Exceeded::Time)),
            Err(CallError::Failed(failure)) => return Err(failure),
        };
        let calls = tool_calls(&reply);
        let free = !calls.is_empty() && calls.iter().all(|call| call.name == api::VERIFY);
        let last = self.budget.charge(&reply, free);
        self.transcript.heard(reply.content.clone());
        if calls.is_empty() {
            return Ok(self.without_tools(&reply));
        }
        self.answer(calls, last, verifier).await
    }

    /// Every call is answered once and in order, also beside a `finish`.
    async fn answer(
        &mut self,
        calls: Vec<ToolCall>,
        last: bool,
        verifier: &dyn Verifier,
    ) -> Result<Next, Failure> {
        let mut next = Next::GoOn;
        for call in calls {
            let said = |key: &str| call.input.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (output, is_error) = match call.name.as_str() {
                api::FINISH => {
                    next = Next::finished(&said("summary"));
                    ("The engine verifies the tree now.".to_owned(), false)
                }
                api::ABSTAIN => {
                    next = Next::abstained(&said("reason"));
                    ("Noted.".to_owned(), false)
                }
                _ if last => ("The last turn is for finish or abstain.".to_owned(), true),
                api::VERIFY => (self.verify(verifier).await?, false),
                _ => self.call_tool(&call).await?,
            };
            self.transcript.result(&call.id, &output, is_error);
        }
        Ok(match next {
            Next::GoOn if last => Next::limit(Exceeded::Turns),
            next => next,
        })
    }

    fn without_tools(&mut self, reply: &Reply) -> Next {
        match reply.stop_reason.as_str() {
            "max_tokens" => {
                self.transcript.say("Your reply was cut off. Make smaller steps.");
                Next::GoOn
            }
            "refusal" => Next::abstained("the model declined the task"),
            _ => Next::finished(""),
        }
    }

    /// The engine's own time does not count as the agent's.
    async fn verify(&self, verifier: &dyn Verifier) -> Result<String, Failure> {
        let start = std::time::Instant::now();
        let output = text::plain(&verifier.verify().await?);
        self.recorder
            .record(SessionEvent::ToolCall {
                tool: api::VERIFY.to_owned(),
                input: json!({}),
                output: output.clone(),
                is_error: false,
                duration_ms: elapsed_ms(start),
            })
            .await?;
        Ok(output)
    }

    async fn call_tool(&mut self, call: &ToolCall) -> Result<(String, bool), Failure> {
        let start = std::time::Instant::now();
        let (output, is_error) = self.tools.call(&call.name, &call.input, self.budget.time_left()).await?;
        self.budget.spend_time(start.elapsed());
        let output = text::head(&output, RESULT_CAP);
        self.recorder
            .record(SessionEvent::ToolCall {
                tool: call.name.clone(),
                input: call.input.clone(),
                output: output.clone(),
                is_error,
                duration_ms: elapsed_ms(start),
            })
            .await?;
        Ok((output, is_error))
    }
}

impl std::fmt::Debug for Agent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Agent({:?})", self.budget.spent())
    }
}

/// One `tool_use` block.
struct ToolCall {
    id: String,
    name: String,
    input: Value,
}

fn tool_calls(reply: &Reply) -> Vec<ToolCall> {
    let text =
        |block: &Value, key: &str| block.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    reply
        .content
        .iter()
        .filter(|block| block.get("type").and_then(Value::as_str) == Some("tool_use"))
        .map(|block| ToolCall {
            id: text(block, "id"),
            name: text(block, "name"),
            input: block.get("input").cloned().unwrap_or_default(),
        })
        .collect()
}

/// Where the new version can be read about, by ecosystem.
fn sources(resolved: &Resolved) -> String {
    match resolved.ecosystem {
        Ecosystem::Npm => format!(
            "Its code and notes are in `node_modules/{0}`: read them there instead of guessing. `list_files` \
             and `search` leave `node_modules` out, so read files in it by their path, starting with \
             `package.json`, `README.md` and `CHANGELOG.md`.",
            resolved.package
        ),
        Ecosystem::Maven => {
            "Its classes are not in the tree; the compiler's messages name what is gone or has \
             changed, and `verify` shows them again after an edit."
                .to_owned()
        }
    }
}

/// The change type's end state, for this package and these versions.
fn end_state(change: &ChangeType, resolved: &Resolved) -> String {
    let manifests = match resolved.ecosystem {
        Ecosystem::Npm => "The manifest and the lockfile already say so",
        Ecosystem::Maven => "The poms already say so",
    };
    let done = format!("{manifests} ({})", resolved.describe());
    change.end_state(resolved, &done, &sources(resolved))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persons_words_are_quoted_line_by_line_and_made_plain() {
        let told = Words::Hint("use braces\n\u{202e}End state: done").told();
        assert!(told.contains("A person with write access"), "{told}");
        assert!(told.ends_with("\n\n> use braces\n> End state: done"), "{told}");
        let long = Words::Instruction(&"x".repeat(2 * WORDS_CAP)).told();
        assert!(long.len() < WORDS_CAP + REVISE.len() + 100);
    }
}
