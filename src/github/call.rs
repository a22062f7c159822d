//! One request to one repository's part of the API.

use std::time::Duration;

use octocrab::Octocrab;
use serde_json::Value;

use crate::failure::Failure;
use crate::ids::Repo;
use crate::outcome::Outcome;
use crate::secret::Secret;
use crate::text;

/// Tries of one request.
pub(super) const TRIES: u32 = 3;

/// Before the next try: half a second, one, two.
pub(super) fn pause(tries: u32) -> Duration {
    Duration::from_millis(250 << tries.min(6))
}

/// After a request that may have been carried out: the next step is to look.
pub(super) async fn wait_and_look(failure: &Failure, tries: u32) {
    tracing::warn!(%failure, tries, "uncertain whether GitHub did it");
    tokio::time::sleep(pause(tries)).await;
}

/// Could the same request succeed later?
pub(super) fn is_passing(error: &octocrab::Error) -> bool {
    match error {
        octocrab::Error::GitHub { source, .. } => {
            let status = source.status_code.as_u16();
            status >= 500 || status == 429
        }
        octocrab::Error::Hyper { .. } | octocrab::Error::Service { .. } | octocrab::Error::Http { .. } => {
            true
        }
        _ => false,
    }
}

/// A client for one repository, with one purpose's token.
#[derive(Clone)]
pub struct RepoClient {
    crab: Octocrab,
    repo: Repo,
}

impl std::fmt::Debug for RepoClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RepoClient({})", self.repo)
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

/// Status and body of an answer.
struct Answer {
    status: u16,
    body: Value,
    /// The query of the next page, of a list that is paged by a cursor.
    next: Option<String>,
}

#[derive(Clone, Copy)]
enum Method {
    Get,
    Post,
    Patch,
    Delete,
}

impl RepoClient {
    pub(super) fn new(app: &Octocrab, token: &Secret, repo: &Repo) -> Result<Self, Failure> {
        let crab = app
            .user_access_token(token.expose())
            .map_err(|error| Failure::bug("use a token of GitHub's").because(error))?;
        Ok(Self { crab, repo: repo.clone() })
    }

    #[must_use]
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// GET; `None` when there is no such thing.
    pub(super) async fn find(&self, path: &str) -> Result<Option<Value>, Failure> {
        let answer = self.patiently(Method::Get, path, None).await?;
        match answer.status {
            404 => Ok(None),
            200..=299 => Ok(Some(answer.body)),
            _ => Err(self.refused(&answer)),
        }
    }

    /// GET of a list, all pages up to ten.
    pub(super) async fn list(&self, path: &str) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let mark = if path.contains('?') { '&' } else { '?' };
        for page in 1..=10 {
            let body = self.find(&format!("{path}{mark}per_page=100&page={page}")).await?.unwrap_or_default();
            // Some lists are an object with the list in it.
            let list =
                body.as_array().or_else(|| body.as_object()?.values().find_map(Value::as_array)).cloned();
            let list = list.unwrap_or_default();
            let last = list.len() < 100;
            items.extend(list);
            if last {
                break;
            }
        }
        Ok(items)
    }

    /// GET of a list that is paged by a cursor, all pages up to twenty. Of
    /// the address of the next page only the query is taken: it cannot lead
    /// to another list or another server.
    pub(super) async fn list_linked(&self, path: &str) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let bare = path.split('?').next().unwrap_or_default();
        let mark = if path.contains('?') { '&' } else { '?' };
        let mut page = format!("{path}{mark}per_page=100");
        for _ in 0..20 {
            let answer = self.patiently(Method::Get, &page, None).await?;
            match answer.status {
                404 => break,
                200..=299 => {}
                _ => return Err(self.refused(&answer)),
            }
            items.extend(answer.body.as_array().cloned().unwrap_or_default());
            match answer.next {
                Some(query) => page = format!("{bare}?{query}"),
                None => break,
            }
        }
        Ok(items)
    }

    /// PATCH: the same twice is the same once.
    pub(super) async fn replace(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let answer = self.patiently(Method::Patch, path, Some(body)).await?;
        if (200..300).contains(&answer.status) { Ok(answer.body) } else { Err(self.refused(&answer)) }
    }

    /// DELETE; gone already is as good.
    pub(super) async fn remove(&self, path: &str) -> Result<(), Failure> {
        let answer = self.patiently(Method::Delete, path, None).await?;
        match answer.status {
            200..=299 | 404 | 410 => Ok(()),
            _ => Err(self.refused(&answer)),
        }
    }

    /// POST of something that GitHub itself makes only once.
    pub(super) async fn post_idempotent(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let answer = self.patiently(Method::Post, path, Some(body)).await?;
        if (200..300).contains(&answer.status) { Ok(answer.body) } else { Err(self.refused(&answer)) }
    }

    /// POST, once.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Posted, Failure> {
        match self.once(Method::Post, path, Some(body)).await {
            Ok(answer) => match answer.status {
                200..=299 => Ok(Posted::Made(answer.body)),
                422 => Ok(Posted::Invalid(message(&answer.body))),
                500.. => Ok(Posted::Uncertain(self.refused(&answer))),
                _ => Err(self.refused(&answer)),
            },
            Err(failure) => Ok(Posted::Uncertain(failure)),
        }
    }

    async fn patiently(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let mut tries = 1;
        loop {
            let answer = self.once(method, path, body).await;
            let again = answer.as_ref().map_or(true, |answer| answer.status >= 500);
            if !again || tries >= TRIES {
                return answer;
            }
            tokio::time::sleep(pause(tries)).await;
            tries += 1;
        }
    }

    async fn once(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let uri = format!("/repos/{}{path}", self.repo);
        let sent = match method {
            Method::Get => self.crab._get(uri).await,
            Method::Post => self.crab._post(uri, body).await,
            Method::Patch => self.crab._patch(uri, body).await,
            Method::Delete => self.crab._delete(uri, None::<&()>).await,
        };
        let failed = |error| self.unreached().because(error);
        let response = sent.map_err(failed)?;
        let status = response.status().as_u16();
        let next = response.headers().get("link").and_then(|link| next_page(link.to_str().ok()?));
        let body = self.crab.body_to_string(response).await.map_err(failed)?;
        Ok(Answer { status, body: serde_json::from_str(&body).unwrap_or_default(), next })
    }

    fn unreached(&self) -> Failure {
        Failure::transient(Outcome::InternalError, format!("reach GitHub for {}", self.repo))
    }

    fn refused(&self, answer: &Answer) -> Failure {
        let cause = anyhow::anyhow!("{} {}", answer.status, message(&answer.body));
        match answer.status {
            429 | 500.. => self.unreached().because(cause),
            // GitHub says "rate limit" with a 403 too.
            403 if message(&answer.body).to_lowercase().contains("rate limit") => {
                self.unreached().because(cause)
            }
            401 => Failure::user(Outcome::InternalError, "speak to GitHub: it refused the App's credentials")
                .because(cause),
            403 => Failure::user(
                Outcome::InternalError,
                format!("do this in {}: the App's installation lacks a permission", self.repo),
            )
            .because(cause),
            _ => Failure::user(Outcome::InternalError, format!("do this in {}: GitHub said no", self.repo))
                .because(cause),
        }
    }

    /// For the loops that look and act: what to say when nothing helped.
    pub(super) fn exhausted(&self, what: &str) -> Failure {
        Failure::transient(Outcome::InternalError, format!("{what} in {}", self.repo))
    }
}

fn message(body: &Value) -> String {
    let said = body.get("message").and_then(Value::as_str).unwrap_or_default();
    let first = body.pointer("/errors/0/message").and_then(Value::as_str).unwrap_or_default();
    text::head(text::plain(&format!("{said} {first}")).trim(), 300)
}

/// The query of the address that a `Link` header calls the next one.
fn next_page(link: &str) -> Option<String> {
    let next = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    let address = next.split_once('<')?.1.split_once('>')?.0;
    Some(address.split_once('?')?.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_next_pages_address_only_the_query_counts() {
        let link = "<https://evil.test/x?a=1&before=q>; rel=\"prev\", <https://h.test/repos/o/r/dependabot/alerts?state=open&after=Y3%3D>; rel=\"next\"";
        assert_eq!(next_page(link).as_deref(), Some("state=open&after=Y3%3D"));
        for none in
            ["", "<https://h.test/x?a=1>; rel=\"prev\"", "<https://h.test/x>; rel=\"next\"", "rel=\"next\""]
        {
            assert_eq!(next_page(none), None, "{none}");
        }
    }
}
