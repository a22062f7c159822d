//! Lockfiles of all managers as one graph: who is installed, and who asks
//! for whom.
//!
//! A lockfile is a stranger's file: it is read as plain values, what does not
//! fit is left out, and one that is too large is refused. Nothing is looked
//! up here, and nothing is chosen.

mod berry;
mod npm;
mod pnpm;
mod yarn;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use deno_semver::Version;
use deno_semver::npm::parse_npm_version;
use serde_json::Value;

use crate::bump::edit::Texts;
use crate::manager::Kind;
use crate::manager::addresses::descriptor;

/// Bytes of a lockfile.
pub(super) const TEXT_CAP: usize = 48 * 1024 * 1024;
/// Installed copies.
const NODE_CAP: usize = 200_000;

/// Why a package is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Prod,
    Dev,
    Optional,
    /// It is not installed for this, only checked.
    Peer,
}

/// One line of a manifest: a name and a range, and the copy that it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// As declared, which can be an alias.
    pub name: String,
    /// As declared; `None` where the lockfile does not keep it.
    pub range: Option<String>,
    pub wish: Wish,
    /// The node that it resolves to.
    pub to: Option<usize>,
}

/// Where a node comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A manifest of the repository, by its directory from the lockfile's.
    Importer(String),
    Registry,
    /// A repository, a file, an address.
    Elsewhere,
}

/// One installed copy, or one manifest of the repository.
#[derive(Debug, Clone)]
pub struct Node {
    /// The package's own name, not its alias.
    pub name: String,
    /// `0.0.0` for what has none.
    pub version: Version,
    pub source: Source,
    /// It came inside the archive of another package.
    pub bundled: bool,
    pub edges: Vec<Edge>,
}

/// Everything that a lockfile installs.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    /// For each node: who asks for it, and by which of its edges.
    dependents: Vec<Vec<(usize, usize)>>,
    /// The ranges of peers are known. Without, nobody looked.
    pub knows_peers: bool,
    /// The lockfile can carry scoped overrides.
    pub can_override: bool,
}

/// A manifest as its lockfile's reader needs it.
#[derive(Debug)]
struct Importer {
    dir: String,
    name: String,
    manifest: Value,
}

impl Graph {
    /// Reads a lockfile with the manifests that it belongs to.
    ///
    /// # Errors
    /// One of them cannot be read; completes "could not …".
    pub fn read(lockfile: &str, path: &str, kind: Kind, files: &Texts) -> Result<Self, String> {
        if lockfile.len() > TEXT_CAP {
            return Err(format!("read {path}: it is larger than {} MiB", TEXT_CAP / 1024 / 1024));
        }
        let base = path.rsplit_once('/').map_or("", |(base, _)| base);
        let importers = importers(files, base)?;
        let read = match kind {
            Kind::Npm => npm::read(lockfile, &importers),
            Kind::YarnClassic => yarn::read(lockfile, &importers),
            Kind::YarnBerry => berry::read(lockfile, &importers),
            Kind::Pnpm => pnpm::read(lockfile, &importers),
        };
        let mut graph = read.map_err(|why| format!("read {path}: {why}"))?;
        if graph.nodes.len() > NODE_CAP {
            return Err(format!("read {path}: it has more than {NODE_CAP} packages"));
        }
        graph.index();
        Ok(graph)
    }

    fn index(&mut self) {
        let mut dependents = vec![Vec::new(); self.nodes.len()];
        for (parent, node) in self.nodes.iter().enumerate() {
            for (position, edge) in node.edges.iter().enumerate() {
                if let Some(list) = edge.to.and_then(|to| dependents.get_mut(to)) {
                    list.push((parent, position));
                }
            }
        }
        self.dependents = dependents;
    }

    /// A node by its number.
    #[must_use]
    pub fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    /// All of them with their numbers.
    pub fn nodes(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.nodes.iter().enumerate()
    }

    /// Everything that these nodes need, with themselves.
    #[must_use]
    pub fn reached(&self, mut left: Vec<usize>) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        while let Some(index) = left.pop() {
            if reached.insert(index) {
                left.extend(
                    self.node(index).into_iter().flat_map(|node| &node.edges).filter_map(|edge| edge.to),
                );
            }
        }
        reached
    }

    /// The manifests of the repository, the root first.
    pub fn importers(&self) -> impl Iterator<Item = (usize, &str, &Node)> {
        self.nodes.iter().enumerate().filter_map(|(index, node)| match &node.source {
            Source::Importer(dir) => Some((index, dir.as_str(), node)),
            Source::Registry | Source::Elsewhere => None,
        })
    }

    /// Every copy of a package that comes from the registry.
    pub fn copies<'a>(&'a self, package: &'a str) -> impl Iterator<Item = (usize, &'a Node)> {
        self.nodes
            .iter()
            .enumerate()
            .filter(move |(_, node)| node.source == Source::Registry && node.name == package)
    }

    /// Every copy that comes from a repository, a file or an address: nobody
    /// can lift it, but it is installed all the same.
    pub fn strangers<'a>(&'a self, package: &'a str) -> impl Iterator<Item = (usize, &'a Node)> {
        self.nodes
            .iter()
            .enumerate()
            .filter(move |(_, node)| node.source == Source::Elsewhere && node.name == package)
    }

    /// Every copy with the same name and version, which one pin moves.
    #[must_use]
    pub fn twins(&self, index: usize) -> Vec<usize> {
        let Some(node) = self.node(index) else { return Vec::new() };
        self.copies(&node.name)
            .filter(|(_, other)| other.version == node.version)
            .map(|(twin, _)| twin)
            .collect()
    }

    /// Who installs one of these copies: the node that asks, and its words.
    #[must_use]
    pub fn dependents(&self, copies: &[usize]) -> Vec<(usize, &Edge)> {
        let mut seen = BTreeSet::new();
        copies
            .iter()
            .filter_map(|copy| self.dependents.get(*copy))
            .flatten()
            .filter(|place| seen.insert(**place))
            .filter_map(|(parent, position)| Some((*parent, self.node(*parent)?.edges.get(*position)?)))
            .filter(|(_, edge)| edge.wish != Wish::Peer)
            .collect()
    }

    /// The shortest way from a manifest to every node that is reached:
    /// `app > express > qs`.
    #[must_use]
    pub fn paths(&self) -> BTreeMap<usize, String> {
        let mut from: BTreeMap<usize, Option<usize>> = BTreeMap::new();
        let mut queue = VecDeque::new();
        for (index, ..) in self.importers() {
            from.insert(index, None);
            queue.push_back(index);
        }
        while let Some(index) = queue.pop_front() {
            for to in self.node(index).into_iter().flat_map(|node| &node.edges).filter_map(|edge| edge.to) {
                from.entry(to).or_insert_with(|| {
                    queue.push_back(to);
                    Some(index)
                });
            }
        }
        from.keys().map(|index| (*index, self.way(&from, *index))).collect()
    }

    fn way(&self, from: &BTreeMap<usize, Option<usize>>, index: usize) -> String {
        let mut names = Vec::new();
        let mut at = Some(index);
        while let Some(index) = at {
            names.push(self.node(index).map_or("", |node| node.name.as_str()));
            at = from.get(&index).copied().flatten();
        }
        names.reverse();
        names.join(" > ")
    }
}

/// `None` for what no version of a registry looks like.
fn version(text: &str) -> Option<Version> {
    parse_npm_version(text).ok()
}

fn importers(files: &Texts, base: &str) -> Result<Vec<Importer>, String> {
    let mut importers = Vec::new();
    for (path, text) in files {
        let dir = match path.rsplit_once('/') {
            Some((dir, "package.json")) => dir,
            None if path == "package.json" => "",
            _ => continue,
        };
        let inside = if base.is_empty() {
            Some(dir)
        } else {
            dir.strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let Some(dir) = inside else { continue };
        let dir = dir.trim_start_matches('/').to_owned();
        let manifest: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|why| format!("read {path}: it is not valid JSON: {why}"))?;
        let name = manifest.get("name").and_then(Value::as_str).map(str::to_owned);
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| match dir.as_str() {
            "" => "this repository".to_owned(),
            dir => dir.to_owned(),
        });
        importers.push(Importer { dir, name, manifest });
    }
    importers.sort_by(|a, b| a.dir.cmp(&b.dir));
    Ok(importers)
}

impl Importer {
    fn node(&self) -> Node {
        Node {
            name: self.name.clone(),
            version: self
                .manifest
                .get("version")
                .and_then(Value::as_str)
                .and_then(version)
                .unwrap_or_default(),
            source: Source::Importer(self.dir.clone()),
            bundled: false,
            edges: edges(&self.manifest, true),
        }
    }
}

/// The edges that a manifest, or its copy in a lockfile, declares.
fn edges(manifest: &Value, with_dev: bool) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    for (section, wish) in [
        ("optionalDependencies", Wish::Optional),
        ("dependencies", Wish::Prod),
        ("devDependencies", Wish::Dev),
        ("peerDependencies", Wish::Peer),
    ] {
        if wish == Wish::Dev && !with_dev {
            continue;
        }
        let Some(section) = manifest.get(section).and_then(Value::as_object) else { continue };
        for (name, range) in section {
            let Some(range) = range.as_str() else { continue };
            // npm takes the optional entry when a package is in both.
            let twice =
                wish != Wish::Peer && edges.iter().any(|edge| edge.name == *name && edge.wish != Wish::Peer);
            if !twice {
                edges.push(Edge { name: name.clone(), range: Some(range.to_owned()), wish, to: None });
            }
        }
    }
    edges
}

#[cfg(test)]
mod tests;
