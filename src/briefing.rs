//! The briefing: what the new version of a package changes, and where the
//! repository uses it, before a model is asked anything.
//!
//! It is read from the two versions' own files, fetched as the gateway
//! fetches them, and from the repository's sources. Nothing is run, and no
//! model is called. A file that cannot be had makes the briefing say less,
//! never the session fail. What others wrote is fenced as data.

mod api;
mod archive;
mod changelog;
mod java;
mod npm;
mod part;
mod render;
mod syntax;
mod uses;

use std::sync::Arc;

use tokio_util::bytes::Bytes;

use crate::change::{Ecosystem, Resolved};
use crate::failure::{Failure, Kind};
use crate::packages::{Document, Packages};
use crate::record::Breaking;
use part::Part;

/// Packages that one briefing tells of.
const PACKAGES: usize = 6;
/// Changes that are told to people.
const MOST_BREAKING: usize = 20;
/// Bytes of text that a model is given by default.
pub const BUDGET: usize = 12 * 1024;

/// A file of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub path: String,
    pub text: String,
}

/// A line of the repository, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub path: String,
    pub line: usize,
}

/// What the briefing is about.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The package that moved, and those that moved along.
    pub resolved: &'a Resolved,
    /// Every text file of the repository: scripts and Java are parsed,
    /// configurations are searched.
    pub sources: Vec<Source>,
    /// Where something fails: call sites there are told first.
    pub failing: Vec<Place>,
}

/// Does the new version touch how the repository uses the package?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Affected {
    /// Every use is seen, and none of them is of something that changed in
    /// its name or its declared type. Behaviour may still differ.
    None,
    /// Something that changed is used at so many places.
    Some { places: usize },
    /// It cannot be told, for these reasons.
    Unknown { reasons: Vec<String> },
}

/// What to know about a bump.
#[derive(Debug, Clone, Default)]
pub struct Briefing {
    parts: Vec<Part>,
    /// Packages that moved too, and are not told of.
    left_out: usize,
}

impl Briefing {
    /// The verdict on all packages together.
    #[must_use]
    pub fn affected(&self) -> Affected {
        let mut places = 0;
        let mut reasons = Vec::new();
        for part in &self.parts {
            match &part.affected {
                Affected::None => {}
                Affected::Some { places: more } => places += more,
                Affected::Unknown { reasons: more } => reasons.extend(more.iter().cloned()),
            }
        }
        if self.left_out > 0 {
            reasons.push(format!("{} packages more moved along", self.left_out));
        }
        match (places, reasons.is_empty() && !self.parts.is_empty()) {
            (0, true) => Affected::None,
            (0, false) => Affected::Unknown { reasons },
            (places, _) => Affected::Some { places },
        }
    }

    /// The changes that touch the repository, the surest first.
    #[must_use]
    pub fn breaking(&self) -> Vec<Breaking> {
        self.parts.iter().flat_map(Part::breaking).take(MOST_BREAKING).collect()
    }

    /// For a model: at most `budget` bytes, the most useful first.
    #[must_use]
    pub fn render(&self, budget: usize) -> String {
        render::render(&self.parts, self.left_out, budget)
    }
}

/// One package that moved.
#[derive(Debug, Clone)]
struct Move {
    ecosystem: Ecosystem,
    package: String,
    from: String,
    to: String,
}

/// A version's file, or why it is not there.
type Fetched = Result<Bytes, String>;

/// Reads both versions of every package that moved, and the repository.
///
/// # Errors
/// The lease is lost. What cannot be fetched is told in the briefing instead.
pub async fn brief(packages: &dyn Packages, question: Question<'_>) -> Result<Briefing, Failure> {
    let Question { resolved, sources, failing } = question;
    let first = (&resolved.package, &resolved.from, &resolved.to);
    let others = resolved.others.iter().map(|moved| (&moved.package, &moved.from, &moved.to));
    let moves: Vec<Move> = std::iter::once(first)
        .chain(others)
        .map(|(package, from, to)| Move {
            ecosystem: resolved.ecosystem,
            package: package.clone(),
            from: from.clone(),
            to: to.clone(),
        })
        .collect();
    let left_out = moves.len().saturating_sub(PACKAGES);
    let sources = Arc::new(sources);
    let failing = Arc::new(failing);
    let mut parts = Vec::new();
    for moved in moves.into_iter().take(PACKAGES) {
        let old = fetch(packages, &moved, &moved.from).await?;
        let new = fetch(packages, &moved, &moved.to).await?;
        let (sources, failing) = (Arc::clone(&sources), Arc::clone(&failing));
        let of = moved.clone();
        // Archives are unpacked and parsed for a while; others wait.
        let read = tokio::task::spawn_blocking(move || Part::read(of, old, new, &sources, &failing)).await;
        parts.push(read.unwrap_or_else(|error| {
            tracing::error!(%error, package = moved.package, "a package could not be read for a briefing");
            Part::unread(moved)
        }));
    }
    Ok(Briefing { parts, left_out })
}

async fn fetch(packages: &dyn Packages, moved: &Move, version: &str) -> Result<Fetched, Failure> {
    let Some(document) = document(moved, version) else {
        return Ok(Err(format!("the version {version:?} of {} has no file", moved.package)));
    };
    // The version was chosen already, however young it is.
    match packages.fetch(&document, true).await {
        Ok(Some(bytes)) => Ok(Ok(bytes)),
        Ok(None) => Ok(Err(format!("the registry has no file of {} {version}", moved.package))),
        Err(failure) if failure.kind() == Kind::LeaseLost => Err(failure),
        Err(failure) => {
            tracing::info!(%failure, "a briefing goes on without a package");
            Ok(Err(format!("could not {}", failure.public())))
        }
    }
}

fn document(moved: &Move, version: &str) -> Option<Document> {
    if version.is_empty() {
        return None;
    }
    match moved.ecosystem {
        Ecosystem::Npm => {
            Some(Document::NpmArchive { name: moved.package.clone(), version: version.to_owned() })
        }
        Ecosystem::Maven => {
            let (group, artifact) = moved.package.split_once(':')?;
            let group = group.replace('.', "/");
            let path = format!("{group}/{artifact}/{version}/{artifact}-{version}.jar");
            Some(Document::MavenFile { path })
        }
    }
}

#[cfg(test)]
mod tests;
