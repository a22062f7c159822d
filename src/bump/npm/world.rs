//! What is known while deciding, and what was decided so far.
//!
//! Deciding is pure: where a listing is missing it stops and names it. The
//! loop outside fetches it and the decision is made afresh.

use std::cell::Cell;
use std::collections::BTreeMap;

use deno_semver::Version;
use serde_json::Value;

use super::listing::{Listing, Release};
use super::lock::{Edge, Graph, Node, Source, Wish};
use super::{Pin, Question, engines, spec};
use crate::change::Moved;
use crate::failure::Failure;
use crate::outcome::Outcome;

/// Looks at one parent of one package; more than any real tree needs.
const EFFORT: u32 = 4_000;

/// Why deciding stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// A listing has to be fetched first.
    Need { name: String, long: bool },
    /// The answer is no.
    Refuse(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Refuse(failure)
    }
}

pub(super) type Decided<T> = Result<T, Stop>;

/// Everything a decision may look at.
pub(super) struct World<'a> {
    pub(super) question: &'a Question<'a>,
    pub(super) graph: &'a Graph,
    /// `None`: the registry has no such package.
    pub(super) listings: &'a BTreeMap<String, Option<Listing>>,
    effort: Cell<u32>,
}

/// A wish for copies of one package, in words that can be compared.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) parent: usize,
    /// The name as declared.
    pub(super) name: String,
    pub(super) range: String,
    /// The parent is a manifest of this repository.
    pub(super) own: bool,
}

impl Ask {
    /// The manifest, and the package's own name in it.
    pub(super) fn declaration(&self) -> (usize, String) {
        (self.parent, spec::alias(&self.range).unwrap_or(&self.name).to_owned())
    }

    pub(super) fn admits(&self, version: &Version) -> bool {
        spec::admits(&self.range, version)
    }
}

/// One package that goes to another version, with all its twins.
#[derive(Debug, Clone)]
pub(super) struct Lift {
    pub(super) copies: Vec<usize>,
    pub(super) to: Version,
    /// Manifests whose declaration (by this name) does not allow it yet.
    pub(super) raised: Vec<(usize, String)>,
    pub(super) across: bool,
}

/// What was decided so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// The new version of each copy that moves.
    pub(super) moved: BTreeMap<usize, Version>,
    pub(super) edits: Vec<Edit>,
    pub(super) overrides: Vec<Override>,
    pub(super) pins: Vec<Pin>,
    pub(super) reasons: Vec<String>,
    pub(super) others: Vec<Moved>,
    /// Copies whose version was asked for by name or is the answer itself.
    pub(super) settled: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) name: String,
    pub(super) from: String,
    pub(super) to: String,
    /// Directories of the manifests; `None` is all of them.
    pub(super) dirs: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Override {
    pub(super) parent: String,
    pub(super) package: String,
    pub(super) version: String,
}

impl Draft {
    /// The version that a copy will have.
    pub(super) fn version(&self, world: &World<'_>, copy: usize) -> Version {
        let locked = || world.graph.node(copy).map(|node| node.version.clone()).unwrap_or_default();
        self.moved.get(&copy).cloned().unwrap_or_else(locked)
    }

    /// Notes a move, with its pins and edits. `why` names it among the
    /// others; `None` is for the package that was asked for.
    pub(super) fn lift(&mut self, world: &World<'_>, lift: &Lift, why: Option<&str>) {
        self.lift_own(world, lift, why);
        let Some(node) = lift.copies.first().and_then(|copy| world.graph.node(*copy)) else { return };
        if world.graph.dependents(&lift.copies).iter().any(|(parent, _)| !world.is_own(*parent)) {
            self.pin(Pin {
                package: node.name.clone(),
                version: lift.to.to_string(),
                replaces: Some(node.version.to_string()),
                under: None,
            });
        }
    }

    /// The same for what the repository declares alone: copies that others
    /// ask for may stay.
    pub(super) fn lift_own(&mut self, world: &World<'_>, lift: &Lift, why: Option<&str>) {
        let Some(first) = lift.copies.first().copied() else { return };
        let Some(node) = world.graph.node(first) else { return };
        let from = self.version(world, first).to_string();
        let to = lift.to.to_string();
        if let Some(why) = why {
            let earlier = self.others.iter_mut().find(|other| other.package == node.name && other.to == from);
            match earlier {
                Some(other) => other.to.clone_from(&to),
                None => self.others.push(Moved {
                    package: node.name.clone(),
                    from,
                    to: to.clone(),
                    why: why.to_owned(),
                }),
            }
        }
        let locked = node.version.to_string();
        for (importer, name) in &lift.raised {
            self.edit(name, (&locked, &to), Some(vec![world.dir(*importer).to_owned()]));
        }
        if world.direct(first) {
            self.pin(Pin { package: node.name.clone(), version: to, ..Pin::default() });
        }
        self.moved.extend(lift.copies.iter().map(|copy| (*copy, lift.to.clone())));
    }

    pub(super) fn pin(&mut self, pin: Pin) {
        let same = |other: &Pin| {
            (&other.package, &other.replaces, &other.under) == (&pin.package, &pin.replaces, &pin.under)
        };
        match self.pins.iter_mut().find(|other| same(other)) {
            Some(other) => *other = pin,
            None => self.pins.push(pin),
        }
    }

    pub(super) fn edit(&mut self, name: &str, (from, to): (&str, &str), dirs: Option<Vec<String>>) {
        let same = |edit: &&mut Edit| edit.name == name && edit.dirs == dirs && edit.from == from;
        match self.edits.iter_mut().find(same) {
            Some(edit) => to.clone_into(&mut edit.to),
            None => self.edits.push(Edit {
                name: name.to_owned(),
                from: from.to_owned(),
                to: to.to_owned(),
                dirs,
            }),
        }
    }

    pub(super) fn say(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }
}

impl<'a> World<'a> {
    pub(super) fn new(
        question: &'a Question<'a>,
        graph: &'a Graph,
        listings: &'a BTreeMap<String, Option<Listing>>,
    ) -> Self {
        Self { question, graph, listings, effort: Cell::new(EFFORT) }
    }

    /// False when enough was tried.
    pub(super) fn spend(&self) -> bool {
        let left = self.effort.get();
        self.effort.set(left.saturating_sub(1));
        left > 0
    }

    /// What is published of a package; nothing when the registry does not
    /// know it.
    pub(super) fn listing(&self, name: &str) -> Decided<Option<&'a Listing>> {
        match self.listings.get(name) {
            Some(listing) => Ok(listing.as_ref()),
            None => Err(Stop::Need { name: name.to_owned(), long: false }),
        }
    }

    /// The same with the repository's address and the dates.
    pub(super) fn long_listing(&self, name: &str) -> Decided<Option<&'a Listing>> {
        match self.listings.get(name) {
            Some(Some(listing)) if !listing.long => Err(Stop::Need { name: name.to_owned(), long: true }),
            Some(listing) => Ok(listing.as_ref()),
            None => Err(Stop::Need { name: name.to_owned(), long: true }),
        }
    }

    pub(super) fn release(&self, name: &str, version: &Version) -> Decided<Option<&'a Release>> {
        Ok(self.listing(name)?.and_then(|listing| listing.release(version)))
    }

    /// Releases that a copy may go up to: newer, stable, not given up by
    /// their authors, and running on the repository's Node. Ascending.
    pub(super) fn above(&self, name: &str, from: &Version) -> Decided<Vec<&'a Release>> {
        let Some(listing) = self.listing(name)? else { return Ok(Vec::new()) };
        let current = listing.release(from);
        let usable = |release: &&Release| release.version > *from && self.usable(release, current);
        Ok(listing.releases.iter().filter(usable).collect())
    }

    /// A version is not left for one that is deprecated, unless it is
    /// deprecated itself: some packages are so as a whole.
    pub(super) fn usable(&self, release: &Release, current: Option<&Release>) -> bool {
        let in_place = current.and_then(|current| current.engines.as_deref());
        release.version.pre.is_empty()
            && (release.deprecated.is_none() || current.is_some_and(|current| current.deprecated.is_some()))
            && engines::misfit(release.engines.as_deref(), in_place, self.question.runtime).is_none()
    }

    pub(super) fn is_own(&self, index: usize) -> bool {
        self.graph.node(index).is_some_and(|node| matches!(node.source, Source::Importer(_)))
    }

    /// The directory of a manifest of the repository.
    pub(super) fn dir(&self, index: usize) -> &'a str {
        match self.graph.node(index).map(|node| &node.source) {
            Some(Source::Importer(dir)) => dir,
            _ => "",
        }
    }

    /// The declarations of a package in the repository's manifests, by its
    /// own name or by an alias.
    pub(super) fn declared(&self, package: &str) -> Vec<(usize, &'a Edge)> {
        let named = |edge: &&Edge| {
            edge.name == package || edge.range.as_deref().and_then(spec::alias) == Some(package)
        };
        self.graph
            .importers()
            .flat_map(|(index, _, node)| node.edges.iter().filter(named).map(move |edge| (index, edge)))
            .collect()
    }

    /// Who asks for these copies, in the words that will hold: a parent that
    /// moves asks as its new version does, or no more.
    pub(super) fn asks(&self, draft: &Draft, copies: &[usize]) -> Decided<Vec<Ask>> {
        let mut asks = Vec::new();
        for (parent, edge) in self.graph.dependents(copies) {
            let Some(node) = self.graph.node(parent) else { continue };
            let own = self.is_own(parent);
            let range = match draft.moved.get(&parent) {
                Some(version) => self.needs(node, version, &edge.name)?,
                None if edge.range.is_some() || own => Some(edge.range.clone().unwrap_or_default()),
                // The lockfile does not keep it, but the registry does. One
                // that it does not know any more allows what is there.
                None => {
                    let exact = || copies.first().and_then(|copy| self.graph.node(*copy));
                    let exact = || exact().map(|node| node.version.to_string()).unwrap_or_default();
                    Some(self.needs(node, &node.version, &edge.name)?.unwrap_or_else(exact))
                }
            };
            if let Some(range) = range {
                asks.push(Ask { parent, name: edge.name.clone(), range, own });
            }
        }
        Ok(asks)
    }

    fn needs(&self, node: &Node, version: &Version, name: &str) -> Decided<Option<String>> {
        if node.source != Source::Registry {
            return Ok(None);
        }
        let release = self.release(&node.name, version)?;
        Ok(release.and_then(|release| release.dependencies.get(name)).cloned())
    }

    /// A copy's declaration in one of the repository's manifests.
    pub(super) fn direct(&self, copy: usize) -> bool {
        let twins = self.graph.twins(copy);
        self.graph.dependents(&twins).iter().any(|(parent, _)| self.is_own(*parent))
    }

    /// The root manifest, which carries overrides.
    pub(super) fn root(&self) -> Value {
        let text = self.question.files.get(&self.question.path_in("package.json"));
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// `name 1.2.3`.
    pub(super) fn title(&self, draft: &Draft, index: usize) -> String {
        let name = self.graph.node(index).map_or("", |node| node.name.as_str());
        format!("{name} {}", draft.version(self, index))
    }
}

pub(super) fn declined(what: impl Into<String>) -> Stop {
    Stop::Refuse(Failure::user(Outcome::DeclinedPolicy, what))
}

pub(super) fn blocked(what: impl Into<String>) -> Stop {
    Stop::Refuse(Failure::user(Outcome::BlockedByParent, what))
}

/// Edges that install something.
pub(super) fn installs(edge: &Edge) -> bool {
    edge.wish != Wish::Peer
}
