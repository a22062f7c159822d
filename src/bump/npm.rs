//! npm's rules: managers, lockfiles, ranges, peers.
//!
//! Deciding is pure: it reads manifests, the lockfile and listings, and gives
//! a [`Plan`]. Acting is [`relock`]: the repository's own package manager
//! writes the lockfile in the container, and what it wrote is checked.

mod answer;
pub mod conflict;
mod drift;
mod edits;
pub mod engines;
pub mod family;
pub(super) mod importers;
pub mod ladder;
pub mod listing;
pub mod lock;
pub mod peers;
pub mod proof;
pub mod relock;
pub mod spec;
pub mod target;
pub mod vulnerable;
mod world;

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::edit::Texts;
use crate::advisory::Advisory;
use crate::change::{Bump, Resolved};
use crate::failure::Failure;
use crate::manager::Manager;
use crate::outcome::Outcome;
use crate::packages::{Document, Packages};
use crate::runtime::Runtime;
use listing::Listing;
use lock::Graph;
pub use peers::Conflict;
use world::{Stop, World};

/// Listings that one plan may read.
const LISTINGS: usize = 500;
/// Conflicts that a package manager may report one after the other.
const CONFLICTS: usize = 6;

/// What is asked, and everything of the repository that decides it.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Every `package.json` that the lockfile installs, `pnpm-workspace.yaml`
    /// and the lockfile, by path.
    pub files: &'a Texts,
    pub manager: &'a Manager,
    pub bumps: &'a [Bump],
    /// With an advisory of its package, a bump is a security fix: as little
    /// as possible, and transitive copies too.
    pub advisories: &'a [Advisory],
    pub runtime: &'a Runtime,
}

/// What is to be brought about, whichever package manager does it.
#[derive(Debug, Clone)]
pub struct Plan {
    pub resolved: Resolved,
    pub manager: Manager,
    /// Manifests that change, as they are to be in the end.
    pub manifests: Texts,
    /// Versions that the lockfile is to hold where the ranges in the
    /// manifests would allow others too.
    pub pins: Vec<Pin>,
}

/// One package at one version. A pin whose package is not installed any more
/// asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pin {
    pub package: String,
    pub version: String,
    /// `None`: what the repository's own manifests ask for. Otherwise the
    /// version in place of the copies that other packages ask for: the same
    /// package can have other copies that stay.
    pub replaces: Option<String>,
    /// Only what this package asks for; `None` for all of them.
    pub under: Option<String>,
}

impl Plan {
    /// Compares what the package manager wrote with what was there.
    /// `manifests` are the repository's, as they were.
    ///
    /// # Errors
    /// A package moved that has nothing to do with the plan, or a lockfile
    /// cannot be read.
    pub fn check_moves(&self, before: &str, after: &str, manifests: &Texts) -> Result<(), Failure> {
        let (path, kind) = (&self.manager.lockfile, self.manager.kind);
        let read = |lockfile: &str, files: &Texts| {
            Graph::read(lockfile, path, kind, files).map_err(super::edit_failed)
        };
        let mut changed = manifests.clone();
        changed.extend(self.manifests.clone());
        match drift::unplanned(&read(before, manifests)?, &read(after, &changed)?, self) {
            None => Ok(()),
            Some((package, from, to)) => Err(super::edit_failed(format!(
                "keep {package} at {from}: {} moved it to {to}, which has nothing to do with this bump",
                self.manager.name()
            ))),
        }
    }
}

impl Question<'_> {
    /// A path from the lockfile's directory, as a path of the tree.
    fn path_in(&self, path: &str) -> String {
        match self.manager.lockfile.rsplit_once('/') {
            Some((base, _)) => format!("{base}/{path}"),
            None => path.to_owned(),
        }
    }
}

/// Decides what a request changes.
///
/// # Errors
/// The request is answered with no, with the reason; or the registry could
/// not be read.
pub async fn plan(question: &Question<'_>, packages: &dyn Packages) -> Result<Plan, Failure> {
    plan_around(question, packages, &[]).await
}

/// Decides again after a package manager reported peer conflicts: all of
/// them so far, in order.
///
/// # Errors
/// As for [`plan`], and when nothing published settles the conflicts.
pub async fn plan_around(
    question: &Question<'_>,
    packages: &dyn Packages,
    conflicts: &[Conflict],
) -> Result<Plan, Failure> {
    if let Some(conflict) = conflicts.get(CONFLICTS) {
        let what = format!("settle the peer range of {} after {CONFLICTS} rounds", conflict.required_by);
        return Err(Failure::user(Outcome::BlockedByParent, what));
    }
    let graph = read(question)?;
    let mut listings: BTreeMap<String, Option<Listing>> = BTreeMap::new();
    // What is certainly read is fetched at once.
    let first: Vec<(String, bool)> =
        question.bumps.iter().map(|bump| (bump.package.clone(), false)).collect();
    fetch(question, packages, &mut listings, first).await?;
    loop {
        let world = World::new(question, &graph, &listings);
        let (name, long) = match answer::decide(&world, conflicts) {
            Ok(plan) => return Ok(plan),
            Err(Stop::Refuse(failure)) => return Err(failure),
            Err(Stop::Need { name, long }) => (name, long),
        };
        if listings.len() >= LISTINGS {
            let what = format!("decide after reading {LISTINGS} packages of the registry");
            return Err(Failure::user(Outcome::BlockedByParent, what));
        }
        fetch(question, packages, &mut listings, vec![(name, long)]).await?;
    }
}

fn read(question: &Question<'_>) -> Result<Graph, Failure> {
    let path = &question.manager.lockfile;
    let failed = |what: String| Failure::user(Outcome::EditFailed, what);
    let Some(lockfile) = question.files.get(path) else {
        return Err(failed(format!("find {path}")));
    };
    Graph::read(lockfile, path, question.manager.kind, question.files).map_err(failed)
}

async fn fetch(
    question: &Question<'_>,
    packages: &dyn Packages,
    listings: &mut BTreeMap<String, Option<Listing>>,
    wanted: Vec<(String, bool)>,
) -> Result<(), Failure> {
    let fixing = !question.advisories.is_empty();
    let read = wanted.into_iter().map(async |(name, long)| {
        let document = Document::NpmListing { name: name.clone(), times: long };
        let bytes = packages.fetch(&document, fixing).await?;
        let listing = bytes.map(|bytes| Listing::read(&bytes, long)).transpose().map_err(|error| {
            Failure::transient(Outcome::FetchFailed, format!("read the registry's listing of {name}"))
                .because(error)
        })?;
        Ok::<_, Failure>((name, listing))
    });
    for one in join_all(read).await {
        let (name, listing) = one?;
        listings.insert(name, listing);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
