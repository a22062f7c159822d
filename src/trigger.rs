//! From an event to a decision: pure, and read from the prompt files.
//!
//! A change type is a file. What a label asks for, what a sender may, which
//! alerts are answered, what is a command and what an issue's words name is
//! decided here without asking anybody. Whoever asks is looked up later:
//! nothing here trusts a person, and a bot only by its number.

mod ask;
mod catalog;
mod command;
mod visible;
mod words;

use crate::advisory::Policy;
use crate::change::{ChangeType, Permission, Request, Subject, alert_key, issue_key};
use crate::event::{Alert, AlertClosed, Event, IssueEnded, Labeled, PullClosed, Unlabeled};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::wish::{Gone, Moved, RUNNING_LABEL, Sender, Wish};

pub use catalog::Catalog;
pub use command::read_commands;
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
    /// A decision about a pull request: it belongs to the log of the session
    /// that opened it, if one did and a person decided, and stops a session
    /// that works on it.
    Remember(PullClosed),
    /// With the reason, for the log.
    Ignore(String),
}

/// What the service knows of itself, and of other bots.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// The App's number.
    pub app_id: u64,
    /// GitHub's numbers of bots that may ask as people do.
    pub bots: Vec<u64>,
    /// Are other bots' pull requests with red checks answered?
    pub sibling_pulls: bool,
}

impl Own {
    /// Why this sender starts nothing, if that is known already. The App's
    /// own doing is never an order to it, whoever lists its number.
    fn refusal(&self, sender: &Sender, via_app: Option<u64>) -> Option<String> {
        if via_app == Some(self.app_id) {
            Some("the App's own doing".to_owned())
        } else if sender.is_bot && !self.bots.contains(&sender.id) {
            Some(format!("{} ({}) is no person and no bot of the configuration", sender.login, sender.id))
        } else {
            None
        }
    }
}

/// A label that a change type names starts a run, and so does an alert that
/// the service's policy wants answered. The repository's own policy is read
/// by the session: it lies in the tree.
#[must_use]
pub fn decide(event: &Event, catalog: &Catalog, policy: &Policy, own: &Own) -> Decision {
    match event {
        Event::Labeled(labeled) => on_label(labeled, catalog, own),
        Event::Unlabeled(unlabeled) => on_unlabel(unlabeled, catalog, own),
        Event::IssueEnded(ended) => on_end(ended),
        Event::Commented(commented) => ask::comment(commented, own),
        Event::Reviewed(reviewed) => ask::review(reviewed, own),
        Event::CheckAsked(asked) => ask::check(asked, own),
        Event::SuiteRed(red) => ask::red(red, own),
        Event::Alert(alert) => on_alert(alert, catalog, policy),
        Event::AlertClosed(closed) => on_closed(closed),
        Event::PullClosed(closed) => Decision::Remember(closed.clone()),
        Event::Moved(moved) => Decision::Moved(moved.clone()),
        Event::Gone(gone) => Decision::Gone(gone.clone()),
        Event::Ping => Decision::Ignore("ping".to_owned()),
        Event::Unfit(why) => Decision::Ignore(why.clone()),
        Event::Ignored { kind, action } => {
            Decision::Ignore(format!("nothing reacts to {kind} {}", action.as_deref().unwrap_or_default()))
        }
    }
}

fn on_label(labeled: &Labeled, catalog: &Catalog, own: &Own) -> Decision {
    let known = labeled.labels.iter().find_map(|label| Some((label, catalog.by_label(label)?)));
    let Some((label, change)) = known else {
        return Decision::Ignore("no change type has this label".to_owned());
    };
    if let Some(why) = own.refusal(&labeled.scene.sender, labeled.via_app) {
        return Decision::Ignore(why);
    }
    if labeled.is_pull {
        let why = "start from a label on a pull request: labels work on issues, and `/agent help` in a comment says what works here";
        return ask::unclear(labeled, label, why);
    }
    if !labeled.is_open {
        return ask::unclear(
            labeled,
            label,
            "work on a closed issue: open it again, and put the label on it once more",
        );
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
        repo: labeled.scene.repo.clone(),
        repo_id: labeled.scene.repo_id,
        installation: labeled.scene.installation,
        number: labeled.number,
        sender: labeled.scene.sender.login.clone(),
        sender_id: labeled.scene.sender.id,
    };
    Decision::Run(Box::new(Request {
        label: Some(label.clone()),
        bump: asked.pop(),
        more,
        ..Request::new(subject, &change.name)
    }))
}

/// The App takes labels off itself when a run begins and ends, and a bot's
/// tidying is not a person's wish.
fn on_unlabel(unlabeled: &Unlabeled, catalog: &Catalog, own: &Own) -> Decision {
    let Unlabeled { scene, number, label } = unlabeled;
    if label != RUNNING_LABEL && catalog.by_label(label).is_none() {
        return Decision::Ignore("no session hangs on this label".to_owned());
    }
    if let Some(why) = own.refusal(&scene.sender, None) {
        return Decision::Ignore(why);
    }
    Decision::Cancel {
        subject: issue_key(&scene.repo, scene.repo_id, *number),
        why: format!("{} took the label {label} off", scene.sender.login),
        by: Some(scene.sender.clone()),
    }
}

/// Whoever wrote an issue may close it, so a person's right is asked. What
/// is gone is gone, and an app that can close issues was given that right.
fn on_end(ended: &IssueEnded) -> Decision {
    let IssueEnded { scene, number, how } = ended;
    let sender = &scene.sender;
    Decision::Cancel {
        subject: issue_key(&scene.repo, scene.repo_id, *number),
        why: format!("the issue was {how} by {}", sender.login),
        by: (ended.is_closed() && !sender.is_bot).then(|| sender.clone()),
    }
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
mod tests;
