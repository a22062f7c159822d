//! From an event to a decision: pure, and read from the prompt files.
//!
//! A change type is a file. What a label asks for, what a sender may, which
//! alerts are answered and what an issue's words name is decided here without
//! asking anybody.

mod catalog;
mod words;

use crate::advisory::Policy;
use crate::change::{ChangeType, Permission, Request, Subject, alert_key};
use crate::event::{Alert, AlertClosed, Event, IssueLabeled, PullClosed};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::wish::{Gone, Moved, Sender, Wish};

pub use catalog::Catalog;
pub use words::{read_bump, read_bumps, read_package};

/// The change type that answers advisories, by alert or by label.
pub const SECURITY: &str = "security";

/// What to do about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Run(Box<Request>),
    /// Stop the session of this subject, if it has one.
    Cancel {
        /// [`Subject::key`].
        subject: String,
        why: String,
        /// The person whose right to stop it is asked of GitHub; absent when
        /// the reason is a fact.
        by: Option<Sender>,
    },
    /// Look it up: commands, a review, a button. At least one; one comment
    /// can hold several commands.
    Ask(Vec<Wish>),
    /// A repository has another name or owner.
    Moved(Moved),
    /// Repositories are out of reach.
    Gone(Gone),
    /// A person's decision belongs to the log of the session that opened the
    /// pull request, if one did.
    Remember(PullClosed),
    /// With the reason, for the log.
    Ignore(String),
}

/// A label that a change type names starts a run, and so does an alert that
/// the service's policy wants answered. The repository's own policy is read
/// by the session: it lies in the tree.
#[must_use]
pub fn decide(event: &Event, catalog: &Catalog, policy: &Policy) -> Decision {
    match event {
        Event::IssueLabeled(labeled) => on_label(labeled, catalog),
        Event::Alert(alert) => on_alert(alert, catalog, policy),
        Event::AlertClosed(closed) => on_closed(closed),
        Event::PullClosed(closed) => Decision::Remember(closed.clone()),
        Event::Ping => Decision::Ignore("ping".to_owned()),
        Event::Unfit(why) => Decision::Ignore(why.clone()),
        Event::Ignored { kind, action } => {
            Decision::Ignore(format!("nothing reacts to {kind} {}", action.as_deref().unwrap_or_default()))
        }
    }
}

fn on_label(labeled: &IssueLabeled, catalog: &Catalog) -> Decision {
    let Some(change) = catalog.by_label(&labeled.label) else {
        return Decision::Ignore("no change type has this label".to_owned());
    };
    if labeled.sender_is_bot {
        return Decision::Ignore("labelled by a bot".to_owned());
    }
    let (title, body) = (&labeled.title, &labeled.body);
    let mut asked = if change.name == SECURITY {
        // The version is the advisories' business.
        read_package(title, body).into_iter().collect()
    } else {
        read_bumps(title, body)
    };
    let more = asked.split_off(asked.len().min(1));
    let subject = Subject::Issue {
        repo: labeled.repo.clone(),
        repo_id: labeled.repo_id,
        installation: labeled.installation,
        number: labeled.number,
        sender: labeled.sender.clone(),
        sender_id: labeled.sender_id,
    };
    Decision::Run(Box::new(Request {
        label: Some(labeled.label.clone()),
        bump: asked.pop(),
        more,
        ..Request::new(subject, &change.name)
    }))
}

/// Nobody asked, so nobody's right is looked up: the policy decides.
fn on_alert(alert: &Alert, catalog: &Catalog, policy: &Policy) -> Decision {
    let Some(change) = catalog.get(SECURITY) else {
        return Decision::Ignore("there is no change type for security".to_owned());
    };
    if let Some(refusal) = policy.refusal(&alert.advisory) {
        return Decision::Ignore(refusal);
    }
    let subject = Subject::Alert {
        repo: alert.repo.clone(),
        repo_id: alert.repo_id,
        installation: alert.installation,
        number: alert.number,
        manifest: alert.advisory.manifest.clone(),
        package: alert.advisory.package.clone(),
    };
    Decision::Run(Box::new(Request {
        advisories: vec![alert.advisory.clone()],
        ..Request::new(subject, &change.name)
    }))
}

/// The policy is not asked: a session that it would not start today may run.
fn on_closed(closed: &AlertClosed) -> Decision {
    Decision::Cancel {
        subject: alert_key(&closed.repo, closed.repo_id, &closed.manifest, &closed.package),
        by: None,
        why: format!("alert {} was {}", closed.number, closed.how),
    }
}

/// May this person start a run? Anything but a clear yes is a no.
///
/// # Errors
/// The person may not.
pub fn authorise(permission: Permission) -> Result<(), Failure> {
    if permission.can_write() {
        return Ok(());
    }
    Err(Failure::user(
        Outcome::DeclinedUnauthorized,
        "run for somebody without write access to this repository",
    ))
}

/// Does the request leave it to an earlier session what it is about?
#[must_use]
pub fn names_nothing(request: &Request) -> bool {
    request.bump.is_none() && request.more.is_empty() && request.advisories.is_empty()
}

/// The change type of a request that names what it is about. An alert names
/// its package itself.
///
/// # Errors
/// The change type is gone, or the request names no package.
pub fn policy<'a>(request: &Request, catalog: &'a Catalog) -> Result<&'a ChangeType, Failure> {
    let change = catalog.get(&request.change).ok_or_else(|| {
        Failure::user(Outcome::DeclinedPolicy, format!("find the change type {:?}", request.change))
    })?;
    let named = request.bump.is_some() || !request.advisories.is_empty();
    if named || matches!(request.subject, Subject::Alert { .. }) {
        return Ok(change);
    }
    let what = if request.change == SECURITY {
        "find out which package's alerts to fix: write \"Fix the alerts of `package`\" in the issue's title or body"
    } else {
        "find out what to bump: write \"Bump `package` to `version`\" in the issue's title or body"
    };
    Err(Failure::user(Outcome::DeclinedPolicy, what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisory::{Advisory, Scope, Severity};
    use crate::change::Ecosystem;
    use crate::ids::Repo;

    fn labeled(label: &str, title: &str, sender_is_bot: bool) -> Event {
        Event::IssueLabeled(IssueLabeled {
            repo: "octo/app".parse::<Repo>().unwrap(),
            repo_id: 9,
            sender_id: 8,
            installation: 1,
            number: 2,
            title: title.into(),
            body: String::new(),
            label: label.into(),
            sender: "ann".into(),
            sender_is_bot,
        })
    }

    fn decided(event: &Event) -> Decision {
        decide(event, &Catalog::embedded().unwrap(), &Policy::default())
    }

    #[test]
    fn only_a_known_label_by_a_person_starts_a_run() {
        let title = "Bump ms to 2.1.3";
        assert!(matches!(decided(&labeled("agent:bump", title, false)), Decision::Run(_)));
        for event in [labeled("bug", title, false), labeled("agent:bump", title, true), Event::Ping] {
            assert!(matches!(decided(&event), Decision::Ignore(_)));
        }
    }

    #[test]
    fn a_label_names_packages_or_is_told_what_to_write() {
        let catalog = Catalog::embedded().unwrap();
        for (label, title, asked, more, says) in [
            ("agent:bump", "Bump `a` to `1.0.0`, `b` to `2.0.0`", Some("a@1.0.0"), 1, ""),
            ("agent:bump", "Dependencies are old", None, 0, "Bump `package`"),
            ("agent:security", "Fix the alerts of `qs`", Some("qs"), 0, ""),
            ("agent:security", "We are vulnerable", None, 0, "Fix the alerts of `package`"),
        ] {
            let Decision::Run(request) = decided(&labeled(label, title, false)) else { panic!("{title}") };
            assert_eq!(request.bump.as_ref().map(ToString::to_string).as_deref(), asked, "{title}");
            assert_eq!(request.more.len(), more, "{title}");
            match policy(&request, &catalog) {
                Ok(change) => assert!(says.is_empty(), "{} for {title}", change.name),
                Err(failure) => {
                    assert_eq!(failure.outcome(), Outcome::DeclinedPolicy);
                    assert!(!says.is_empty() && failure.public().contains(says), "{failure}");
                }
            }
        }
    }

    fn alert(number: u64, severity: Severity, scope: Scope) -> Event {
        Event::Alert(Alert {
            repo: "octo/app".parse().unwrap(),
            repo_id: 9,
            installation: 1,
            number,
            advisory: Advisory {
                alert: Some(number),
                ghsa: "GHSA-x".into(),
                ecosystem: Ecosystem::Npm,
                package: "ms".into(),
                manifest: "package-lock.json".into(),
                scope: Some(scope),
                severity,
                summary: String::new(),
                vulnerable: vec!["< 2.1.0".into()],
                patched: vec!["2.1.0".into()],
            },
        })
    }

    #[test]
    fn an_alert_runs_by_policy_and_its_end_stops_the_same_subject() {
        let catalog = Catalog::embedded().unwrap();
        let policy =
            Policy { min_severity: Severity::High, scopes: vec![Scope::Runtime], ..Policy::default() };
        let Decision::Run(request) = decide(&alert(3, Severity::High, Scope::Runtime), &catalog, &policy)
        else {
            panic!("ignored")
        };
        assert_eq!((request.change.as_str(), request.advisories.len()), (SECURITY, 1));
        for event in
            [alert(3, Severity::Medium, Scope::Runtime), alert(3, Severity::High, Scope::Development)]
        {
            assert!(matches!(decide(&event, &catalog, &policy), Decision::Ignore(_)));
        }
        let closed = Event::AlertClosed(AlertClosed {
            repo: "octo/app".parse().unwrap(),
            repo_id: 9,
            installation: 1,
            number: 3,
            manifest: "package-lock.json".into(),
            package: "ms".into(),
            how: "fixed by ann".into(),
        });
        assert_eq!(
            decided(&closed),
            Decision::Cancel {
                subject: request.subject.key(),
                why: "alert 3 was fixed by ann".into(),
                by: None
            }
        );
    }

    #[test]
    fn only_write_access_counts() {
        for (permission, may) in [
            (Permission::Admin, true),
            (Permission::Maintain, true),
            (Permission::Write, true),
            (Permission::Triage, false),
            (Permission::Read, false),
            (Permission::None, false),
            (Permission::from_name("owner-of-everything"), false),
        ] {
            assert_eq!(authorise(permission).is_ok(), may, "{permission:?}");
        }
    }
}
