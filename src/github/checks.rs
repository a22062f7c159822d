//! Check runs: made once per name and key, then brought to the wanted state.

use serde_json::{Map, Value, json};

use super::call::{Posted, RepoClient, TRIES, wait_and_look};
use super::limits::{self, ANNOTATIONS, Annotation, CheckAction};
use super::wire::{escape, escape_path};
use crate::failure::Failure;

/// How far a check run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    Queued,
    InProgress,
    /// With `success`, `failure` and so on.
    Completed(&'static str),
}

/// A check run as it should be.
#[derive(Debug, Clone)]
pub struct CheckRun<'a> {
    pub name: &'a str,
    pub sha: &'a str,
    /// Our key: the same one is never made twice.
    pub external_id: &'a str,
    pub details_url: &'a str,
    pub state: CheckState,
    pub title: &'a str,
    pub summary: &'a str,
    /// Below the summary; may be empty.
    pub text: &'a str,
    pub annotations: &'a [Annotation],
    /// At most three.
    pub actions: &'a [CheckAction],
}

/// A check run as GitHub has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckNow {
    pub id: u64,
    pub name: String,
    pub external_id: String,
    /// `None` while it is not completed.
    pub conclusion: Option<String>,
    /// Whose it is.
    pub app_id: u64,
}

impl CheckRun<'_> {
    fn status(&self) -> (&'static str, Option<&'static str>) {
        match self.state {
            CheckState::Queued => ("queued", None),
            CheckState::InProgress => ("in_progress", None),
            CheckState::Completed(conclusion) => ("completed", Some(conclusion)),
        }
    }

    /// What the run says; annotations are added to those that are there.
    fn output(&self, annotations: &[Annotation]) -> Value {
        let mut output = Map::new();
        output.insert("title".to_owned(), json!(limits::title(self.title)));
        output.insert("summary".to_owned(), json!(limits::body(self.summary)));
        if !self.text.is_empty() {
            output.insert("text".to_owned(), json!(limits::body(self.text)));
        }
        if !annotations.is_empty() {
            let list: Vec<Value> = annotations.iter().map(limits::annotation).collect();
            output.insert("annotations".to_owned(), json!(list));
        }
        Value::Object(output)
    }

    /// The state with what it says, as GitHub takes it.
    fn body(&self, annotations: &[Annotation]) -> Map<String, Value> {
        let (status, conclusion) = self.status();
        let mut body = Map::new();
        body.insert("details_url".to_owned(), json!(self.details_url));
        body.insert("external_id".to_owned(), json!(self.external_id));
        body.insert("status".to_owned(), json!(status));
        if let Some(conclusion) = conclusion {
            body.insert("conclusion".to_owned(), json!(conclusion));
        }
        body.insert("output".to_owned(), self.output(annotations));
        let actions = limits::actions(self.actions);
        if !actions.is_empty() {
            body.insert("actions".to_owned(), json!(actions));
        }
        body
    }

    /// Is this run already as it should be, apart from its annotations?
    fn is_met_by(&self, found: &Value) -> bool {
        let at = |pointer: &str| found.pointer(pointer).and_then(Value::as_str);
        let (status, conclusion) = self.status();
        at("/status") == Some(status)
            && at("/conclusion") == conclusion
            && at("/output/title") == Some(limits::title(self.title).as_str())
            && at("/output/summary") == Some(limits::body(self.summary).as_str())
            && at("/output/text").unwrap_or_default() == limits::body(self.text)
    }
}

fn id_of(found: &Value) -> Option<u64> {
    found.get("id")?.as_u64()
}

impl RepoClient {
    /// Makes the check run, or brings the newest one of its name and key to
    /// the wanted state; returns its id. Each annotation goes out once,
    /// because GitHub only ever adds: as many as it has are left out.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn ensure_check(&self, run: &CheckRun<'_>) -> Result<u64, Failure> {
        let (first, _) = run.annotations.split_at(run.annotations.len().min(ANNOTATIONS));
        for tries in 1..=TRIES {
            if let Some(found) = self.newest(run).await? {
                return self.bring(run, &found).await;
            }
            let mut body = run.body(first);
            body.insert("name".to_owned(), json!(run.name));
            body.insert("head_sha".to_owned(), json!(run.sha));
            match self.post("/check-runs", &Value::Object(body)).await? {
                Posted::Made(made) => {
                    let id = id_of(&made).ok_or_else(|| self.exhausted("read a check run"))?;
                    self.annotate(run, id, first.len()).await?;
                    return Ok(id);
                }
                Posted::Invalid(why) => return Err(self.invalid("make a check run", why)),
                Posted::Uncertain(failure) => wait_and_look(&failure, tries).await,
            }
        }
        Err(self.exhausted("make a check run"))
    }

    async fn newest(&self, run: &CheckRun<'_>) -> Result<Option<Value>, Failure> {
        let path =
            format!("/commits/{}/check-runs?filter=all&check_name={}", escape(run.sha), escape(run.name));
        let is =
            |found: &Value, key: &str, value: &str| found.get(key).and_then(Value::as_str) == Some(value);
        // The filter is GitHub's; what came through is looked at again.
        let mut found = self.list(&path).await?;
        found.retain(|found| is(found, "name", run.name) && is(found, "external_id", run.external_id));
        Ok(found.into_iter().max_by_key(id_of))
    }

    async fn bring(&self, run: &CheckRun<'_>, found: &Value) -> Result<u64, Failure> {
        let id = id_of(found).ok_or_else(|| self.exhausted("read a check run"))?;
        let there = found.pointer("/output/annotations_count").and_then(Value::as_u64).unwrap_or(0);
        let there = usize::try_from(there).unwrap_or(usize::MAX);
        if !run.is_met_by(found) {
            self.replace(&format!("/check-runs/{id}"), &Value::Object(run.body(&[]))).await?;
        }
        self.annotate(run, id, there).await?;
        Ok(id)
    }

    /// Adds the annotations after the first `there`, fifty at a time.
    async fn annotate(&self, run: &CheckRun<'_>, id: u64, there: usize) -> Result<(), Failure> {
        for some in run.annotations.get(there..).unwrap_or_default().chunks(ANNOTATIONS) {
            let body = json!({ "output": run.output(some) });
            self.replace(&format!("/check-runs/{id}"), &body).await?;
        }
        Ok(())
    }

    /// All check runs on a commit or at a branch, of every App.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn checks_at(&self, sha: &str) -> Result<Vec<CheckNow>, Failure> {
        let found = self.list(&format!("/commits/{}/check-runs", escape_path(sha))).await?;
        let one = |found: &Value| {
            let text = |key: &str| found.get(key).and_then(Value::as_str).map(str::to_owned);
            Some(CheckNow {
                id: id_of(found)?,
                name: text("name")?,
                external_id: text("external_id").unwrap_or_default(),
                conclusion: text("conclusion"),
                app_id: found.pointer("/app/id").and_then(Value::as_u64).unwrap_or_default(),
            })
        };
        Ok(found.iter().filter_map(one).collect())
    }
}
