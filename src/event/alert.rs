//! Dependabot alerts. They are reported by GitHub itself, so what may follow
//! is the repository's policy and no person's right.

use serde::Deserialize;
use serde_json::Value;

use super::{Event, InstallationBody, RepositoryBody};
use crate::advisory::{Advisory, parse_advisory};
use crate::ids::Repo;
use crate::text;

/// An open alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    pub repo: Repo,
    /// GitHub's number of the repository.
    pub repo_id: u64,
    pub installation: u64,
    /// The alert's number in the repository.
    pub number: u64,
    pub advisory: Advisory,
}

/// An alert that was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertClosed {
    pub repo: Repo,
    /// GitHub's number of the repository.
    pub repo_id: u64,
    pub installation: u64,
    pub number: u64,
    pub manifest: String,
    pub package: String,
    /// What happened and by whom: "fixed by ann".
    pub how: String,
}

#[derive(Deserialize)]
struct AlertBody {
    installation: Option<InstallationBody>,
    repository: RepositoryBody,
    sender: Option<SenderBody>,
    alert: Value,
}

#[derive(Deserialize)]
struct SenderBody {
    login: String,
}

/// Actions that leave an alert open, and those that close it; the others
/// (an assignment, say) change nothing here.
pub(super) fn parse(body: &[u8], action: &str) -> serde_json::Result<Event> {
    let opens = matches!(action, "created" | "reintroduced" | "reopened" | "auto_reopened");
    let closes = matches!(action, "fixed" | "dismissed" | "auto_dismissed");
    if !opens && !closes {
        return Ok(ignored(action));
    }
    let AlertBody { installation, repository, sender, alert } = serde_json::from_slice(body)?;
    // A repository's own webhook sends the event without an installation;
    // there is nobody to act as then.
    let Some(installation) = installation else { return Ok(ignored(action)) };
    let (repo, repo_id, installation) = (repository.full_name, repository.id, installation.id);
    if closes {
        return Ok(closed((repo, repo_id), installation, &alert, how(action, sender)));
    }
    let advisory = match parse_advisory(&alert) {
        Ok(advisory) => advisory,
        Err(why) => return Ok(Event::Unfit(why.to_string())),
    };
    let Some(number) = advisory.alert else {
        return Ok(Event::Unfit("could not read the alert: it has no number".to_owned()));
    };
    Ok(Event::Alert(Alert { repo, repo_id, installation, number, advisory }))
}

fn ignored(action: &str) -> Event {
    Event::Ignored { kind: "dependabot_alert".to_owned(), action: Some(action.to_owned()) }
}

fn how(action: &str, sender: Option<SenderBody>) -> String {
    let what = match action {
        "auto_dismissed" => "automatically dismissed",
        other => other,
    };
    match sender {
        Some(sender) => format!("{what} by {}", text::head(&text::plain(&sender.login), 60)),
        None => what.to_owned(),
    }
}

/// Only the place is needed, so an advisory that was withdrawn meanwhile
/// closes its session too.
fn closed((repo, repo_id): (Repo, u64), installation: u64, alert: &Value, how: String) -> Event {
    let text = |path: &str| alert.pointer(path).and_then(Value::as_str);
    let package = text("/dependency/package/name").or_else(|| text("/security_vulnerability/package/name"));
    match (alert.get("number").and_then(Value::as_u64), package) {
        (Some(number), Some(package)) => Event::AlertClosed(AlertClosed {
            repo,
            repo_id,
            installation,
            number,
            manifest: text("/dependency/manifest_path").unwrap_or_default().to_owned(),
            package: package.to_owned(),
            how,
        }),
        _ => Event::Unfit("could not read the alert: its number or its package is missing".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(ecosystem: &str) -> Value {
        let branch = json!({
            "package": { "ecosystem": ecosystem, "name": "ms" }, "severity": "high",
            "vulnerable_version_range": "< 2.1.0", "first_patched_version": { "identifier": "2.1.0" },
        });
        json!({
            "installation": { "id": 7 }, "repository": { "id": 9, "full_name": "octo/app" },
            "sender": { "login": "github", "type": "Organization" },
            "alert": {
                "number": 5,
                "dependency": { "package": { "ecosystem": ecosystem, "name": "ms" }, "manifest_path": "package-lock.json" },
                "security_advisory": { "ghsa_id": "GHSA-x", "vulnerabilities": [branch.clone()] },
                "security_vulnerability": branch,
            },
        })
    }

    fn event(action: &str, body: &Value) -> Event {
        let mut body = body.clone();
        body["action"] = json!(action);
        super::super::parse("dependabot_alert", body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn every_action_has_its_meaning() {
        for action in ["created", "reintroduced", "reopened", "auto_reopened"] {
            let Event::Alert(alert) = event(action, &body("npm")) else { panic!("{action}") };
            assert_eq!((alert.number, alert.installation, alert.advisory.package.as_str()), (5, 7, "ms"));
        }
        for (action, how) in [
            ("fixed", "fixed by github"),
            ("dismissed", "dismissed by github"),
            ("auto_dismissed", "automatically dismissed by github"),
        ] {
            let Event::AlertClosed(closed) = event(action, &body("npm")) else { panic!("{action}") };
            assert_eq!(
                (closed.number, closed.manifest.as_str(), closed.how.as_str()),
                (5, "package-lock.json", how)
            );
        }
        for action in ["assignees_changed", "something_new"] {
            assert!(matches!(event(action, &body("npm")), Event::Ignored { .. }), "{action}");
        }
    }

    #[test]
    fn what_cannot_be_answered_says_why() {
        let Event::Unfit(why) = event("created", &body("pip")) else { panic!("not unfit") };
        assert!(why.contains("pip"), "{why}");
        let mut nobody = body("npm");
        nobody.as_object_mut().unwrap().remove("installation");
        assert!(matches!(event("created", &nobody), Event::Ignored { .. }));
        let mut placeless = body("npm");
        placeless["alert"] = json!({});
        assert!(matches!(event("created", &placeless), Event::Unfit(_)));
        assert!(matches!(event("fixed", &placeless), Event::Unfit(_)));
    }
}
