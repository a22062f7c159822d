//! What was fetched so far, and what is still wanted.
//!
//! Decisions are pure: they read from the shelf, and when something is not on
//! it they stop with [`Stop::Need`]. The loop in [`super::plan`] fetches that
//! and asks again. What a repository does not have is kept too, so that
//! nothing is asked for twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use roxmltree::{Document, ParsingOptions};

use super::effective::Effective;
use super::model::{self, Gav, Pom};
use crate::failure::Failure;
use crate::outcome::Outcome;

/// Why a decision is not there yet.
#[derive(Debug)]
pub(super) enum Stop {
    /// These files of the repository must be fetched first.
    Need(BTreeSet<String>),
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Stop {
    pub(super) fn need(path: String) -> Self {
        Self::Need(BTreeSet::from([path]))
    }

    pub(super) fn edit(what: impl Into<String>) -> Self {
        Self::Failed(Failure::user(Outcome::EditFailed, what))
    }

    pub(super) fn declined(what: impl Into<String>) -> Self {
        Self::Failed(Failure::user(Outcome::DeclinedPolicy, what))
    }

    pub(super) fn unsafe_version(what: impl Into<String>) -> Self {
        Self::Failed(Failure::user(Outcome::NoSafeVersion, what))
    }
}

/// Asks for everything that several decisions need before it stops, so that
/// one round of fetching serves them all.
pub(super) fn together<T>(decisions: impl IntoIterator<Item = Result<T, Stop>>) -> Result<Vec<T>, Stop> {
    let mut found = Vec::new();
    let mut needs = BTreeSet::new();
    for decision in decisions {
        match decision {
            Ok(value) => found.push(value),
            Err(Stop::Need(more)) => needs.extend(more),
            Err(failed) => return Err(failed),
        }
    }
    if needs.is_empty() { Ok(found) } else { Err(Stop::Need(needs)) }
}

/// The files of the Maven repository that are known.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    poms: BTreeMap<String, Option<Arc<Pom>>>,
    listings: BTreeMap<String, Option<Vec<String>>>,
    /// The Java that a jar needs, by the jar's path.
    jars: BTreeMap<String, Option<u64>>,
    /// Poms of the repository never change, so what they come to is kept.
    effective: Mutex<BTreeMap<Gav, Option<Arc<Effective>>>>,
}

impl Shelf {
    /// Puts a fetched file, or that there is none, on the shelf.
    pub(super) fn put(&mut self, path: &str, bytes: Option<&[u8]>) {
        if path.ends_with("/maven-metadata.xml") {
            self.listings.insert(path.to_owned(), bytes.and_then(versions));
        } else if path.ends_with(".jar") {
            self.jars.insert(path.to_owned(), bytes.and_then(super::class_file::needed_java));
        } else {
            // A broken pom counts as none, as it does for Maven.
            let text = bytes.map(String::from_utf8_lossy);
            let pom = text.and_then(|text| model::parse(&text).ok()).map(Arc::new);
            self.poms.insert(path.to_owned(), pom);
        }
    }

    /// The pom, `None` when the repository has none.
    pub(super) fn pom(&self, gav: &Gav) -> Result<Option<Arc<Pom>>, Stop> {
        let Some(path) = file(gav, "pom") else { return Ok(None) };
        self.poms.get(&path).cloned().ok_or_else(|| Stop::need(path))
    }

    /// Every published version, as the metadata lists them.
    pub(super) fn versions(&self, group: &str, artifact: &str) -> Result<Option<&[String]>, Stop> {
        if !plain(group) || !plain(artifact) {
            return Ok(None);
        }
        let path = format!("{}/{artifact}/maven-metadata.xml", group.replace('.', "/"));
        match self.listings.get(&path) {
            Some(listing) => Ok(listing.as_deref()),
            None => Err(Stop::need(path)),
        }
    }

    /// The Java that the jar needs, when it can be told.
    pub(super) fn java(&self, gav: &Gav) -> Result<Option<u64>, Stop> {
        let Some(path) = file(gav, "jar") else { return Ok(None) };
        self.jars.get(&path).copied().ok_or_else(|| Stop::need(path))
    }

    pub(super) fn kept(&self, gav: &Gav) -> Option<Option<Arc<Effective>>> {
        self.effective.lock().ok()?.get(gav).cloned()
    }

    pub(super) fn keep(&self, gav: &Gav, effective: Option<Arc<Effective>>) {
        if let Ok(mut kept) = self.effective.lock() {
            kept.insert(gav.clone(), effective);
        }
    }
}

/// A part of a path in the repository. A pom is written by strangers: what is
/// not plain is never asked for.
fn plain(part: &str) -> bool {
    !part.is_empty()
        && part.len() < 200
        && !part.contains("..")
        && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-+".contains(c))
}

fn file(gav: &Gav, end: &str) -> Option<String> {
    let Gav { group, artifact, version } = gav;
    (plain(group) && plain(artifact) && plain(version))
        .then(|| format!("{}/{artifact}/{version}/{artifact}-{version}.{end}", group.replace('.', "/")))
}

fn versions(bytes: &[u8]) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(bytes);
    let options = ParsingOptions { allow_dtd: false, nodes_limit: 400_000, ..ParsingOptions::default() };
    let document =
        Document::parse_with_options(text.trim_start_matches('\u{feff}').trim_start(), options).ok()?;
    let listed = document.descendants().filter(|node| node.tag_name().name() == "version");
    // A `version` outside `versions` is the one of the metadata itself.
    let within = listed.filter(|node| node.parent().is_some_and(|up| up.tag_name().name() == "versions"));
    Some(within.filter_map(|node| node.text()).map(|version| version.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_of_plain_parts_only() {
        assert_eq!(file(&Gav::new("a.b", "c", "1"), "pom").unwrap(), "a/b/c/1/c-1.pom");
        for bad in ["..", "a/b", "${x}", "", "a b"] {
            assert_eq!(file(&Gav::new("g", "a", bad), "pom"), None, "{bad}");
        }
    }

    #[test]
    fn what_is_missing_is_named_and_what_is_absent_is_remembered() {
        let mut shelf = Shelf::default();
        let gav = Gav::new("g", "a", "1");
        assert!(matches!(shelf.pom(&gav), Err(Stop::Need(paths)) if paths.contains("g/a/1/a-1.pom")));
        shelf.put("g/a/1/a-1.pom", None);
        assert!(shelf.pom(&gav).unwrap().is_none());
        shelf.put(
            "g/a/maven-metadata.xml",
            Some(b"<metadata><version>9</version><versioning><latest>2</latest><versions><version>1</version><version>2</version></versions></versioning></metadata>"),
        );
        assert_eq!(shelf.versions("g", "a").unwrap().unwrap(), ["1", "2"]);
    }
}
