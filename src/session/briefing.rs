//! What the agent is told before its first turn, when there is one: what the
//! new version changes, and where this repository uses it.
//!
//! A bump that leaves the checks green is never briefed, because no agent is
//! called for it.

use std::fmt::Write as _;

use super::{Case, Session};
use crate::briefing::{self, Affected, BUDGET, Place, Question, Source};
use crate::bump::survey;
use crate::change::Resolved;
use crate::evidence::{Patch, Verdict};
use crate::failure::Failure;
use crate::manager::LOCKFILES;
use crate::record::SessionEvent;

/// Bytes of one file that is searched for uses, and of all of them.
const CAPS: (usize, usize) = (256 * 1024, 16 * 1024 * 1024);

impl Session<'_> {
    /// The briefing for the bumped tree, as the model is shown it.
    pub(super) async fn briefing(
        &self,
        case: &Case<'_>,
        resolved: &Resolved,
        patch: &Patch,
    ) -> Result<String, Failure> {
        let project = &case.survey.repository.project;
        let root = project.root.clone();
        let wanted = move |path: &str| survey::within(&root, path).is_some() && is_searched(path);
        let texts = case.mirror.texts(patch.tree(), wanted, CAPS).await?;
        let sources = texts.into_iter().map(|(path, text)| Source { path, text }).collect();
        let failing = match case.seen.lock().await.get(patch.tree()) {
            Some(verdict) => places(verdict, &project.root),
            None => Vec::new(),
        };
        let registry = self.registry(project.ecosystem).await?;
        let briefing = briefing::brief(&registry, Question { resolved, sources, failing }).await?;
        let text = briefing.render(BUDGET);
        let affected = sentence(&briefing.affected());
        self.recorder
            .record(SessionEvent::Briefed { affected, text: text.clone(), breaking: briefing.breaking() })
            .await?;
        Ok(text)
    }
}

/// Lockfiles name every package and use none.
fn is_searched(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    !LOCKFILES.contains(&name)
        && !name.ends_with(".min.js")
        && !path.split('/').any(|dir| dir == "node_modules")
}

/// Where the checks, which run in the project's directory, say that something
/// fails.
fn places(verdict: &Verdict, root: &str) -> Vec<Place> {
    let Verdict::Broke { digest, .. } = verdict else { return Vec::new() };
    let places = digest.split_whitespace().filter_map(place);
    places.map(|Place { path, line }| Place { path: survey::join(root, &path), line }).collect()
}

/// `src/a.js:3`, also with a column or a colon behind it.
fn place(word: &str) -> Option<Place> {
    let (path, rest) = word.trim_start_matches('(').split_once(':')?;
    let line = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    let file = path.rsplit('/').next()?;
    (file.contains('.') && !path.contains("//")).then(|| Place { path: path.to_owned(), line })
}

fn sentence(affected: &Affected) -> String {
    match affected {
        Affected::None => "nothing that changed is used here by name".to_owned(),
        Affected::Some { places: 1 } => "something that changed is used at one place".to_owned(),
        Affected::Some { places } => format!("something that changed is used at {places} places"),
        Affected::Unknown { reasons } => {
            let mut said = "it cannot be told whether something that changed is used here".to_owned();
            if let Some(reason) = reasons.first() {
                // Writing to a String cannot fail.
                write!(said, ": {reason}").ok();
            }
            said
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_from_a_digest() {
        let digest = "src/a.js:3:12 TypeError: x is not a function (at test/b.test.js:7)\nhttp://x.example:80 no:9 it: 4";
        let verdict = Verdict::Broke {
            checks: vec![],
            newly_failing: vec![],
            digest: digest.into(),
            delta: Box::default(),
        };
        let found: Vec<(String, usize)> =
            places(&verdict, "web").into_iter().map(|place| (place.path, place.line)).collect();
        assert_eq!(found, [("web/src/a.js".to_owned(), 3), ("web/test/b.test.js".to_owned(), 7)]);
    }

    #[test]
    fn lockfiles_and_installed_packages_are_not_searched() {
        assert!(is_searched("src/a.js") && is_searched(".eslintrc.json"));
        assert!(!is_searched("docs/package-lock.json") && !is_searched("node_modules/a/index.js"));
    }
}
