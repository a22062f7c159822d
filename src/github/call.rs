//! One request to one repository's part of the API, and what to do when
//! GitHub does not answer it as it should.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::pace::{self, Lane, PATIENCE};
use super::token::Purpose;
use super::wire::{Answer, Call};
use super::{GitHub, refusal};
use crate::clock::Clock;
use crate::failure::Failure;
use crate::ids::{Repo, Repository};
use crate::outcome::Outcome;
use crate::secret::Secret;
use crate::text;

/// Tries of one request.
pub(super) const TRIES: u32 = 3;
/// Pages of one list.
const PAGES: u32 = 30;

/// Before the next try: half a second, one, two.
pub(super) fn pause(tries: u32) -> Duration {
    Duration::from_millis(250 << tries.min(6))
}

/// After a request that may have been carried out: the next step is to look.
pub(super) async fn wait_and_look(failure: &Failure, tries: u32) {
    tracing::warn!(%failure, tries, "uncertain whether GitHub did it");
    tokio::time::sleep(pause(tries)).await;
}

impl GitHub {
    /// Sends it once, in its turn. A limit is waited for, when that is not
    /// long: what was limited was not done.
    ///
    /// # Errors
    /// The limit is a long one. The inner error: GitHub cannot be reached.
    pub(super) async fn once(
        &self,
        installation: u64,
        call: &Call<'_>,
        what: &str,
    ) -> Result<anyhow::Result<Answer>, Failure> {
        let lane: Arc<Lane> = self.0.pace.lane(installation);
        for _ in 0..TRIES {
            let turn = if pace::makes_content(&call.method, call.path) {
                Some(lane.turn(self.0.pace.pause).await)
            } else {
                None
            };
            // After the wait for a turn: it may have been closed meanwhile.
            lane.open().await.map_err(|left| limited(what, left))?;
            let sent = self.0.wire.send(call).await;
            drop(turn);
            let Ok(answer) = &sent else { return Ok(sent) };
            match lane.learn(answer, Clock.now()) {
                None => return Ok(sent),
                Some(wait) if wait > PATIENCE => return Err(limited(what, wait)),
                Some(wait) => tracing::warn!(installation, ?wait, "GitHub wants to be left alone"),
            }
        }
        Err(limited(what, PATIENCE))
    }

    /// Sends what may be sent twice, again after a hiccup.
    ///
    /// # Errors
    /// GitHub cannot be reached, or is not well, or wants to be left alone
    /// for long.
    pub(super) async fn patiently(
        &self,
        installation: u64,
        call: &Call<'_>,
        what: &str,
    ) -> Result<Answer, Failure> {
        let mut tries = 1;
        loop {
            let failure = match self.once(installation, call, what).await? {
                Ok(answer) if answer.status < 500 => return Ok(answer),
                Ok(answer) => unwell(what, &answer),
                Err(error) => unreached(what).because(error),
            };
            if tries >= TRIES {
                return Err(failure);
            }
            tokio::time::sleep(pause(tries)).await;
            tries += 1;
        }
    }
}

fn limited(what: &str, left: Duration) -> Failure {
    Failure::transient(Outcome::InternalError, format!("{what}: GitHub wants to be left alone for a while"))
        .not_before(left)
}

fn unreached(what: &str) -> Failure {
    Failure::transient(Outcome::InternalError, format!("{what}: GitHub could not be reached"))
}

fn unwell(what: &str, answer: &Answer) -> Failure {
    unreached(what).because(anyhow::anyhow!("{} {}", answer.status, answer.message()))
}

/// With what a client speaks.
#[derive(Debug, Clone)]
pub(super) enum Access {
    /// A token that is made, and made again, as needed.
    Purpose(Purpose),
    /// The ticket's own.
    Ticket(Secret),
}

/// How often a request is sent.
#[derive(Debug, Clone, Copy)]
enum Patience {
    Once,
    /// Again after a hiccup.
    Patient,
}

/// A client for one repository, with one purpose's token.
#[derive(Clone)]
pub struct RepoClient {
    github: GitHub,
    repo: Repository,
    access: Access,
}

impl std::fmt::Debug for RepoClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RepoClient({})", self.repo.name)
    }
}

/// What a request that makes something came to.
#[derive(Debug)]
pub(super) enum Posted {
    Made(Value),
    /// GitHub says that it cannot be, with its reason.
    Invalid(String),
    /// It may have been made and it may not: look before acting again.
    Uncertain(Failure),
}

impl RepoClient {
    pub(super) fn new(github: &GitHub, repo: &Repository, access: Access) -> Self {
        Self { github: github.clone(), repo: repo.clone(), access }
    }

    #[must_use]
    pub fn repo(&self) -> &Repo {
        &self.repo.name
    }

    /// The App's number.
    pub(super) fn app_id(&self) -> u64 {
        self.github.0.app_id
    }

    /// GET; `None` when there is no such thing.
    pub(super) async fn find(&self, path: &str) -> Result<Option<Value>, Failure> {
        let answer = self.patiently(Method::GET, path, None).await?;
        match answer.status {
            404 | 410 => Ok(None),
            // A repository without a commit has no branch.
            409 if answer.message().contains("is empty") => Ok(None),
            200..=299 => Ok(Some(answer.body)),
            _ => Err(self.refused(&answer)),
        }
    }

    /// GET of a list, all pages up to thirty. Of the address of the next
    /// page only the query is taken: it cannot lead to another list or
    /// another server.
    pub(super) async fn list(&self, path: &str) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let bare = path.split('?').next().unwrap_or_default();
        let mark = if path.contains('?') { '&' } else { '?' };
        let mut page = format!("{path}{mark}per_page=100");
        for _ in 0..PAGES {
            let answer = self.patiently(Method::GET, &page, None).await?;
            match answer.status {
                404 => break,
                200..=299 => {}
                _ => return Err(self.refused(&answer)),
            }
            items.extend(items_of(answer.body));
            match answer.next {
                Some(query) => page = format!("{bare}?{query}"),
                None => break,
            }
        }
        Ok(items)
    }

    /// PATCH: the same twice is the same once.
    pub(super) async fn replace(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.done(self.patiently(Method::PATCH, path, Some(body)).await?)
    }

    /// DELETE; gone already is as good.
    pub(super) async fn remove(&self, path: &str) -> Result<(), Failure> {
        let answer = self.patiently(Method::DELETE, path, None).await?;
        match answer.status {
            200..=299 | 404 | 410 => Ok(()),
            _ => Err(self.refused(&answer)),
        }
    }

    /// POST of something that GitHub itself makes only once.
    pub(super) async fn post_idempotent(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.done(self.patiently(Method::POST, path, Some(body)).await?)
    }

    /// POST, once.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Posted, Failure> {
        match self.ask(&Method::POST, path, Some(body), Patience::Once).await? {
            Ok(answer) => match answer.status {
                200..=299 => Ok(Posted::Made(answer.body)),
                422 if refusal::named(&answer.message()).is_none() => Ok(Posted::Invalid(answer.message())),
                500.. => Ok(Posted::Uncertain(unwell(&self.what(), &answer))),
                _ => Err(self.refused(&answer)),
            },
            Err(error) => Ok(Posted::Uncertain(unreached(&self.what()).because(error))),
        }
    }

    fn done(&self, answer: Answer) -> Result<Value, Failure> {
        if answer.is_success() { Ok(answer.body) } else { Err(self.refused(&answer)) }
    }

    pub(super) async fn patiently(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let sent = self.ask(&method, path, body, Patience::Patient).await?;
        // The inner error is of the other way only.
        sent.map_err(|error| unreached(&self.what()).because(error))
    }

    /// Asks with a token, and once more with a new one when GitHub refuses
    /// the first: nothing was done with it then.
    async fn ask(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        patience: Patience,
    ) -> Result<anyhow::Result<Answer>, Failure> {
        let (path, what) = (self.path(path), self.what());
        let mut again = matches!(self.access, Access::Purpose(_));
        loop {
            let token = self.token().await?;
            let call = Call { method: method.clone(), path: &path, body, bearer: Some(&token) };
            let sent = match patience {
                Patience::Once => self.github.once(self.repo.installation, &call, &what).await?,
                Patience::Patient => Ok(self.github.patiently(self.repo.installation, &call, &what).await?),
            };
            if !matches!(&sent, Ok(answer) if answer.status == 401) {
                return Ok(sent);
            }
            self.github.0.tokens.drop_refused(&self.repo, &token).await;
            if !again {
                return Ok(sent);
            }
            again = false;
        }
    }

    async fn token(&self) -> Result<Secret, Failure> {
        match &self.access {
            Access::Purpose(purpose) => self.github.token(&self.repo, *purpose).await,
            Access::Ticket(token) => Ok(token.clone()),
        }
    }

    fn path(&self, path: &str) -> String {
        format!("/repos/{}{path}", self.repo.name)
    }

    fn what(&self) -> String {
        format!("do this in {}", self.repo.name)
    }

    pub(super) fn refused(&self, answer: &Answer) -> Failure {
        let said = answer.message();
        let cause = anyhow::anyhow!("{} {said}", answer.status);
        let user = |why: &str| Failure::user(Outcome::InternalError, format!("{}: {why}", self.what()));
        if matches!(answer.status, 403 | 409 | 422)
            && let Some(outcome) = refusal::named(&said)
        {
            return refusal::failure(outcome, &said).because(cause);
        }
        let failure = match answer.status {
            401 => Failure::transient(
                Outcome::InternalError,
                format!("{}: GitHub refused the App's token", self.what()),
            ),
            403 if said.to_ascii_lowercase().contains("not accessible by integration") => {
                user(&format!("an owner has to accept {} for the App's installation", self.wanted(answer)))
            }
            403 if said.contains("suspended") => user("the App's installation is suspended"),
            403 => user("GitHub forbids it"),
            404 => user(
                "GitHub has no such thing, which is also what it says when the App's installation may not see it",
            ),
            451 => user("GitHub has taken the repository offline"),
            _ => user("GitHub said no"),
        };
        failure.because(cause)
    }

    /// The permission that a refused call needs: GitHub's own word, else
    /// what the token was made for.
    fn wanted(&self, answer: &Answer) -> String {
        let told = answer.header("x-accepted-github-permissions").unwrap_or_default();
        let plain: String =
            told.chars().filter(|c| c.is_ascii_alphanumeric() || "_=;, ".contains(*c)).collect();
        match (&self.access, plain.trim()) {
            (Access::Purpose(purpose), "") => format!("the permissions {}", purpose.names()),
            (Access::Ticket(_), "") => format!("the permissions {}", Purpose::Write.names()),
            (_, told) => format!("the permission {}", text::head(told, 100).replace('=', ": ")),
        }
    }

    /// For the loops that look and act: what to say when nothing helped.
    pub(super) fn exhausted(&self, what: &str) -> Failure {
        Failure::transient(Outcome::InternalError, format!("{what} in {}", self.repo.name))
    }

    /// GitHub says that it cannot be, and will say so again.
    pub(super) fn invalid(&self, what: &str, why: String) -> Failure {
        Failure::user(Outcome::InternalError, format!("{what} in {}: GitHub said no", self.repo.name))
            .because(anyhow::anyhow!(why))
    }
}

/// Some lists are an object with the list in it.
pub(super) fn items_of(body: Value) -> Vec<Value> {
    match body {
        Value::Array(items) => items,
        Value::Object(fields) => fields
            .into_iter()
            .find_map(|(_, value)| match value {
                Value::Array(items) => Some(items),
                _ => None,
            })
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
