//! Webhook bodies become a closed enum. Unknown events are ignored, with
//! their names; a body is never logged.

mod alert;
mod pull;

use serde::Deserialize;

use crate::ids::Repo;

pub use alert::{Alert, AlertClosed};
pub use pull::PullClosed;

/// What GitHub tells, as far as anybody here reacts to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    IssueLabeled(IssueLabeled),
    /// A Dependabot alert is open, for the first time or again.
    Alert(Alert),
    /// A Dependabot alert needs no answer any more.
    AlertClosed(AlertClosed),
    /// A person closed a pull request, perhaps one of ours.
    PullClosed(PullClosed),
    Ping,
    /// Of a kind that is known, but nothing that can be answered here; with
    /// the reason.
    Unfit(String),
    Ignored {
        kind: String,
        action: Option<String>,
    },
}

/// Somebody put a label on an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueLabeled {
    pub repo: Repo,
    /// GitHub's number of the repository.
    pub repo_id: u64,
    pub installation: u64,
    pub number: u64,
    pub title: String,
    pub body: String,
    pub label: String,
    pub sender: String,
    /// GitHub's number of the sender.
    pub sender_id: u64,
    pub sender_is_bot: bool,
}

/// A body that is not what its event's name says.
#[derive(Debug, thiserror::Error)]
#[error("could not read the {kind} event: {source}")]
pub struct Malformed {
    kind: String,
    source: serde_json::Error,
}

#[derive(Deserialize)]
struct ActionBody {
    action: Option<String>,
}

#[derive(Deserialize)]
struct LabeledBody {
    installation: InstallationBody,
    repository: RepositoryBody,
    issue: IssueBody,
    label: LabelBody,
    sender: SenderBody,
}

#[derive(Deserialize)]
struct InstallationBody {
    id: u64,
}

#[derive(Deserialize)]
struct RepositoryBody {
    id: u64,
    full_name: Repo,
}

#[derive(Deserialize)]
struct IssueBody {
    number: u64,
    title: String,
    body: Option<String>,
    /// There for pull requests, which are issues to this event.
    pull_request: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct LabelBody {
    name: String,
}

#[derive(Deserialize)]
struct SenderBody {
    id: u64,
    login: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// Reads a delivery's body by the name of its event.
///
/// # Errors
/// The body is not JSON, or lacks what the event needs.
pub fn parse(kind: &str, body: &[u8]) -> Result<Event, Malformed> {
    let malformed = |source| Malformed { kind: kind.to_owned(), source };
    let ActionBody { action } = serde_json::from_slice(body).map_err(malformed)?;
    match (kind, action.as_deref()) {
        ("ping", _) => Ok(Event::Ping),
        ("issues", Some("labeled")) => labeled(body, action).map_err(malformed),
        ("pull_request", Some("closed")) => pull::closed(body).map_err(malformed),
        ("dependabot_alert", Some(action)) => alert::parse(body, action).map_err(malformed),
        _ => Ok(Event::Ignored { kind: kind.to_owned(), action }),
    }
}

fn labeled(body: &[u8], action: Option<String>) -> serde_json::Result<Event> {
    // An installation is missing when a repository's own webhook sends the
    // event; there is nobody to act as then.
    #[derive(Deserialize)]
    struct Probe {
        installation: Option<serde::de::IgnoredAny>,
        label: Option<serde::de::IgnoredAny>,
    }
    let probe: Probe = serde_json::from_slice(body)?;
    if probe.installation.is_none() || probe.label.is_none() {
        return Ok(Event::Ignored { kind: "issues".to_owned(), action });
    }
    let body: LabeledBody = serde_json::from_slice(body)?;
    if body.issue.pull_request.is_some() {
        return Ok(Event::Ignored { kind: "issues".to_owned(), action });
    }
    Ok(Event::IssueLabeled(IssueLabeled {
        repo: body.repository.full_name,
        repo_id: body.repository.id,
        installation: body.installation.id,
        number: body.issue.number,
        title: body.issue.title,
        body: body.issue.body.unwrap_or_default(),
        label: body.label.name,
        sender_is_bot: body.sender.kind.as_deref() == Some("Bot"),
        sender_id: body.sender.id,
        sender: body.sender.login,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn labeled_body() -> serde_json::Value {
        json!({
            "action": "labeled",
            "installation": { "id": 7 },
            "repository": { "id": 9, "full_name": "octo/app" },
            "issue": { "number": 3, "title": "Bump a to 2", "body": null },
            "label": { "name": "agent:bump" },
            "sender": { "login": "ann", "id": 8, "type": "User" },
        })
    }

    fn parsed(kind: &str, body: &serde_json::Value) -> Event {
        parse(kind, body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_label_on_an_issue_is_read() {
        let Event::IssueLabeled(event) = parsed("issues", &labeled_body()) else { panic!("ignored") };
        assert_eq!((event.repo.to_string().as_str(), event.number, event.installation), ("octo/app", 3, 7));
        assert_eq!(
            (event.label.as_str(), event.sender.as_str(), event.sender_is_bot),
            ("agent:bump", "ann", false)
        );
    }

    #[test]
    fn everything_else_is_ignored_by_name() {
        let mut on_pull = labeled_body();
        on_pull["issue"]["pull_request"] = json!({});
        let mut without = labeled_body();
        without.as_object_mut().unwrap().remove("installation");
        for (kind, body) in [
            ("issues", on_pull),
            ("issues", without),
            ("push", json!({})),
            ("star", json!({ "action": "created" })),
        ] {
            assert!(matches!(parsed(kind, &body), Event::Ignored { .. }), "{kind}");
        }
        assert_eq!(parsed("ping", &json!({ "zen": "x" })), Event::Ping);
    }

    #[test]
    fn a_body_that_is_not_its_event_is_malformed() {
        assert!(parse("issues", b"{").is_err());
        let mut hostile = labeled_body();
        hostile["repository"]["full_name"] = json!("../../etc");
        assert!(parse("issues", hostile.to_string().as_bytes()).is_err());
    }

    /// Needs the collected deliveries beside the repository; on a plain clone
    /// there are none, and the tests above stand alone.
    #[test]
    fn every_collected_delivery_is_read() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/webhook-events");
        for entry in std::fs::read_dir(dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            let kind = path.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned();
            if path.extension().is_some_and(|end| end == "json") {
                parse(&kind, &std::fs::read(&path).unwrap()).unwrap();
            }
        }
    }
}
