//! The Messages API, and the only code that speaks it.
//!
//! One request, one whole reply: a turn is only used when it is complete, so
//! streaming would add states and give nothing. Every request, reply and
//! error is in the session log before anybody acts on it. A provider's
//! trouble costs the session time, never a turn.

mod price;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use serde_json::Value;

use crate::change::Cost;
use crate::clock::elapsed_ms;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::record::{Caller, Recorder, SessionEvent, Usage};
use crate::secret::Secret;
use crate::text;

pub use price::{Price, Prices};

/// The version of the API that is spoken.
const VERSION: &str = "2023-06-01";
/// Bytes of a reply.
const REPLY_CAP: usize = 8 * 1024 * 1024;
/// Tries of one call.
const TRIES: u32 = 6;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Which provider, which models.
#[derive(Debug, Clone)]
pub struct Settings {
    pub base_url: String,
    pub api_key: Secret,
    pub model: String,
    pub judge_model: Option<String>,
    /// Other models that a repository may choose.
    pub choices: Vec<String>,
    pub prices: Prices,
    pub request_timeout: Duration,
    /// Before the first retry of a call; it doubles from there.
    pub retry_pause: Duration,
}

/// The provider's client.
#[derive(Debug, Clone)]
pub struct Model {
    client: Client,
    endpoint: Url,
    agent: Priced,
    judge: Priced,
    choices: Vec<Priced>,
    retry_pause: Duration,
}

/// A model with what it costs.
#[derive(Debug, Clone)]
struct Priced {
    name: String,
    price: Price,
}

/// One call to make.
#[derive(Debug)]
pub struct Call<'a> {
    pub caller: Caller,
    /// 1, 2, 3 … for this caller in this session.
    pub number: u32,
    /// The request without its `model`.
    pub body: &'a Value,
    /// Time for the call with all its retries.
    pub deadline: Duration,
}

/// A whole reply.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The content blocks.
    pub content: Vec<Value>,
    pub stop_reason: String,
    pub usage: Usage,
    pub cost: Cost,
    pub duration: Duration,
}

/// Why there is no reply.
#[derive(Debug)]
pub enum CallError {
    /// The deadline passed.
    DeadlinePassed,
    /// The provider, the log or the lease failed.
    Failed(Failure),
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// How one try failed.
struct Trouble {
    message: String,
    /// Trying again may help; after this long, if the provider says so.
    again: Option<Option<Duration>>,
}

impl Model {
    /// # Errors
    /// The address or key cannot be used, or a model has no price: a money
    /// cap without prices would not be one.
    pub fn new(settings: Settings) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        let mut key = HeaderValue::from_str(settings.api_key.expose()).map_err(|_not_ascii| {
            anyhow::anyhow!("could not use the model's key: it has other than plain characters")
        })?;
        key.set_sensitive(true);
        headers.insert("x-api-key", key);
        headers.insert("anthropic-version", HeaderValue::from_static(VERSION));
        let client = Client::builder()
            .user_agent(concat!("chaperone/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .timeout(settings.request_timeout)
            .build()
            .context("could not make the model's client")?;
        let endpoint = format!("{}/v1/messages", settings.base_url.trim_end_matches('/'));
        let priced = |name: &str| -> anyhow::Result<Priced> {
            let price = settings.prices.of(name).with_context(|| {
                format!("could not find the price of the model {name}: add it under [model.prices]")
            })?;
            Ok(Priced { name: name.to_owned(), price })
        };
        Ok(Self {
            client,
            endpoint: Url::parse(&endpoint).context("could not read the model's base_url")?,
            agent: priced(&settings.model)?,
            judge: priced(settings.judge_model.as_deref().unwrap_or(&settings.model))?,
            choices: settings.choices.iter().map(|name| priced(name)).collect::<anyhow::Result<_>>()?,
            retry_pause: settings.retry_pause,
        })
    }

    /// The models that a repository may choose.
    #[must_use]
    pub fn choices(&self) -> Vec<String> {
        self.choices.iter().map(|choice| choice.name.clone()).collect()
    }

    /// The same provider with other models; `None` when one of them is not a
    /// choice.
    #[must_use]
    pub fn choosing(&self, agent: Option<&str>, judge: Option<&str>) -> Option<Self> {
        let chosen = |name: Option<&str>, now: &Priced| match name {
            None => Some(now.clone()),
            Some(name) => self.choices.iter().find(|choice| choice.name == name).cloned(),
        };
        Some(Self { agent: chosen(agent, &self.agent)?, judge: chosen(judge, &self.judge)?, ..self.clone() })
    }

    fn priced(&self, caller: Caller) -> &Priced {
        match caller {
            Caller::Agent => &self.agent,
            Caller::Judge => &self.judge,
        }
    }

    /// The model's name, for people.
    #[must_use]
    pub fn name(&self, caller: Caller) -> &str {
        &self.priced(caller).name
    }

    /// What a call can cost at most: every byte a third of a token, nothing
    /// cached, the reply as long as allowed.
    #[must_use]
    pub fn worst_case(&self, caller: Caller, body: &Value) -> Cost {
        let bytes = u64::try_from(body.to_string().len()).unwrap_or(u64::MAX);
        let usage = Usage {
            cache_creation_input_tokens: bytes / 3,
            output_tokens: body.get("max_tokens").and_then(Value::as_u64).unwrap_or(0),
            ..Usage::default()
        };
        self.priced(caller).price.cost(usage)
    }

    /// Asks the provider about the agent's model: is it there, and is the key
    /// good? `false` from a provider that answers and lists no models. Costs
    /// nothing.
    ///
    /// # Errors
    /// The provider is not reached, or refuses the key or the model.
    pub async fn reach(&self) -> Result<bool, Failure> {
        let name = &self.agent.name;
        let mut url = self.endpoint.clone();
        url.set_path(&format!("{}/{name}", url.path().replace("/v1/messages", "/v1/models")));
        let failed =
            |why: &str| Failure::user(Outcome::ProviderUnavailable, format!("use the model {name}: {why}"));
        let answer = self
            .client
            .get(url)
            .send()
            .await
            .map_err(|error| failed("the provider is not reached").because(error))?;
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        match status {
            200..=299 => Ok(true),
            401 | 403 => Err(failed("the provider refuses the key")),
            404 if body.pointer("/error/type").and_then(Value::as_str) == Some("not_found_error") => {
                Err(failed("the provider has no such model"))
            }
            404 | 405 => Ok(false),
            _ => Err(failed(&format!("the provider answers {status}"))),
        }
    }

    /// Calls until there is a reply, the deadline passes, or trying again
    /// cannot help.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call(&self, recorder: &Recorder, call: Call<'_>) -> Result<Reply, CallError> {
        let start = Instant::now();
        let mut body = call.body.clone();
        if let Some(object) = body.as_object_mut() {
            object.insert("model".to_owned(), Value::String(self.name(call.caller).to_owned()));
        }
        let (caller, number) = (call.caller, call.number);
        recorder.record(SessionEvent::ModelRequest { caller, call: number, body: body.clone() }).await?;
        let mut pause = self.retry_pause;
        let mut tries = 1;
        loop {
            let left = call.deadline.saturating_sub(start.elapsed());
            let tried = match tokio::time::timeout(left, self.send(&body)).await {
                Ok(tried) => tried,
                Err(_elapsed) => return Err(CallError::DeadlinePassed),
            };
            let trouble = match tried {
                Ok(reply) => {
                    return self.received(recorder, &call, reply, start).await.map_err(CallError::Failed);
                }
                Err(trouble) => trouble,
            };
            let wait = trouble.again.map(|asked| asked.unwrap_or(pause).min(LONGEST_PAUSE));
            let retry_in_ms = wait.and_then(|wait| u64::try_from(wait.as_millis()).ok());
            let message = text::head(&text::plain(&trouble.message), 500);
            recorder
                .record(SessionEvent::ModelError {
                    caller,
                    call: number,
                    message: message.clone(),
                    retry_in_ms,
                })
                .await?;
            match wait {
                None => {
                    let what = format!("get a reply from the model's provider: {message}");
                    return Err(Failure::user(Outcome::ProviderUnavailable, what).into());
                }
                Some(wait) if tries < TRIES && start.elapsed() + wait < call.deadline => {
                    tokio::time::sleep(wait).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    tries += 1;
                }
                Some(_) => {
                    let what = format!("get a reply from the model's provider in time: {message}");
                    return Err(Failure::transient(Outcome::ProviderUnavailable, what).into());
                }
            }
        }
    }

    async fn received(
        &self,
        recorder: &Recorder,
        call: &Call<'_>,
        body: Value,
        start: Instant,
    ) -> Result<Reply, Failure> {
        let usage: Usage = body
            .get("usage")
            .and_then(|usage| serde_json::from_value(usage.clone()).ok())
            .unwrap_or_default();
        let reply = Reply {
            content: body.get("content").and_then(Value::as_array).cloned().unwrap_or_default(),
            stop_reason: body.get("stop_reason").and_then(Value::as_str).unwrap_or_default().to_owned(),
            usage,
            cost: self.priced(call.caller).price.cost(usage),
            duration: start.elapsed(),
        };
        recorder
            .record(SessionEvent::ModelReply {
                caller: call.caller,
                call: call.number,
                body,
                usage,
                cost: reply.cost,
                duration_ms: elapsed_ms(start),
            })
            .await?;
        Ok(reply)
    }

    async fn send(&self, body: &Value) -> Result<Value, Trouble> {
        let passing = |error: reqwest::Error| Trouble { message: describe(&error), again: Some(None) };
        let mut response =
            self.client.post(self.endpoint.clone()).json(body).send().await.map_err(passing)?;
        let status = response.status();
        let asked = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(passing)? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > REPLY_CAP {
                return Err(Trouble { message: "the reply is too long".to_owned(), again: None });
            }
        }
        if !status.is_success() {
            return Err(refused(status, &bytes, asked));
        }
        match serde_json::from_slice::<Value>(&bytes) {
            Ok(reply) if reply.get("content").is_some_and(Value::is_array) => Ok(reply),
            _ => Err(Trouble { message: "the reply is not a message".to_owned(), again: Some(None) }),
        }
    }
}

/// By status and by the error's own type, never by its words.
fn refused(status: StatusCode, body: &[u8], asked: Option<Duration>) -> Trouble {
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = error.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
    let kind = error.pointer("/error/type").and_then(Value::as_str).unwrap_or_default();
    // 529 is the provider's own status for "overloaded".
    let passing = status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT
        );
    let spent = kind == "billing_error";
    Trouble {
        message: format!("{status} {kind} {said}").trim().to_owned(),
        again: (passing && !spent).then_some(asked),
    }
}

fn describe(error: &reqwest::Error) -> String {
    // Without the address, which may hold an operator's own secret.
    let mut text = "the provider could not be reached".to_owned();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
