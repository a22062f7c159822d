//! From an event to a decision: pure, and read from the prompt files.
//!
//! A change type is a file. What a label asks for, what a sender may and what
//! an issue's words name is decided here without asking anybody.

mod catalog;

use std::sync::LazyLock;

use regex::Regex;

use crate::change::{Bump, ChangeType, Permission, Request, Subject};
use crate::event::{Event, IssueLabeled};
use crate::failure::Failure;
use crate::outcome::Outcome;

pub use catalog::Catalog;

/// What to do about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Run(Request),
    /// With the reason, for the log.
    Ignore(String),
}

/// A label that a change type names starts a run; nothing else does yet.
#[must_use]
pub fn decide(event: &Event, catalog: &Catalog) -> Decision {
    match event {
        Event::IssueLabeled(labeled) => on_label(labeled, catalog),
        Event::Ping => Decision::Ignore("ping".to_owned()),
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
    Decision::Run(Request {
        subject: Subject::Issue {
            repo: labeled.repo.clone(),
            installation: labeled.installation,
            number: labeled.number,
            sender: labeled.sender.clone(),
        },
        change: change.name.clone(),
        label: Some(labeled.label.clone()),
        bump: read_bump(&labeled.title, &labeled.body),
    })
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

/// The change type and the package of a request.
///
/// # Errors
/// The change type is gone, or the request names no package.
pub fn policy<'a>(request: &'a Request, catalog: &'a Catalog) -> Result<(&'a ChangeType, &'a Bump), Failure> {
    let change = catalog.get(&request.change).ok_or_else(|| {
        Failure::user(Outcome::DeclinedPolicy, format!("find the change type {:?}", request.change))
    })?;
    let bump = request.bump.as_ref().ok_or_else(|| {
        Failure::user(
            Outcome::DeclinedPolicy,
            "find out what to bump: write \"Bump `package` to `version`\" in the issue's title or body",
        )
    })?;
    Ok((change, bump))
}

/// "Bump `left-pad` to `1.3.0`", "bump @scope/name from 1.0.0 to v2.0.0",
/// "Bump left-pad@1.3.0", "Bump left-pad".
static BUMP: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(?:bump|upgrade|update)\s+`?(?<package>(?:@[a-z0-9][\w.~-]*/)?[a-z0-9][\w.~-]*)(?:@(?<at>[\w.+-]+))?`?(?:\s+from\s+`?[\w.+-]+`?)?(?:\s+to\s+`?v?(?<to>[0-9][\w.+-]*)`?)?",
    )
    .ok()
});

/// What an issue's words ask for; the title comes first.
#[must_use]
pub fn read_bump(title: &str, body: &str) -> Option<Bump> {
    let regex = BUMP.as_ref()?;
    let found = |text: &str| {
        let found = regex.captures(text)?;
        let version = found.name("to").or_else(|| found.name("at"));
        Some(Bump {
            package: found.name("package")?.as_str().trim_end_matches('.').to_owned(),
            // A full stop after the version ends the sentence.
            version: version.map(|version| version.as_str().trim_end_matches('.').to_owned()),
        })
    };
    let (in_title, in_body) = (found(title), found(body));
    match (in_title, in_body) {
        // The title may name the package only.
        (Some(title), Some(body)) if title.version.is_none() && title.package == body.package => Some(body),
        (Some(title), _) => Some(title),
        (None, body) => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Repo;

    fn read(title: &str, body: &str) -> Option<(String, Option<String>)> {
        read_bump(title, body).map(|bump| (bump.package, bump.version))
    }

    #[test]
    fn people_ask_in_many_ways() {
        let asked =
            |package: &str, version: Option<&str>| Some((package.to_owned(), version.map(str::to_owned)));
        for (title, expected) in [
            ("Bump `marked` to `4.3.0`", asked("marked", Some("4.3.0"))),
            ("bump marked to 4.3.0.", asked("marked", Some("4.3.0"))),
            (
                "Please upgrade @scope/name from 1.0.0 to v2.0.0-rc.1",
                asked("@scope/name", Some("2.0.0-rc.1")),
            ),
            ("Bump left-pad@1.3.0", asked("left-pad", Some("1.3.0"))),
            ("Bump `@scope/name@1.3.0` soon", asked("@scope/name", Some("1.3.0"))),
            ("Bump lodash", asked("lodash", None)),
            ("Dependencies are old", None),
        ] {
            assert_eq!(read(title, ""), expected, "{title}");
        }
        assert_eq!(read("Old dependency", "Please bump `ms` to `2.1.3`"), asked("ms", Some("2.1.3")));
        assert_eq!(read("Bump ms", "Bump `ms` to `2.1.3`"), asked("ms", Some("2.1.3")));
    }

    fn labeled(label: &str, sender_is_bot: bool) -> Event {
        Event::IssueLabeled(IssueLabeled {
            repo: "octo/app".parse::<Repo>().unwrap(),
            installation: 1,
            number: 2,
            title: "Bump ms to 2.1.3".into(),
            body: String::new(),
            label: label.into(),
            sender: "ann".into(),
            sender_is_bot,
        })
    }

    #[test]
    fn only_a_known_label_by_a_person_starts_a_run() {
        let catalog = Catalog::embedded().unwrap();
        assert!(matches!(decide(&labeled("agent:bump", false), &catalog), Decision::Run(_)));
        for event in [labeled("bug", false), labeled("agent:bump", true), Event::Ping] {
            assert!(matches!(decide(&event, &catalog), Decision::Ignore(_)));
        }
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
