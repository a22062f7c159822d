//! npm's `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3.
//!
//! Every version becomes a map from places in `node_modules` to entries;
//! then Node's own walk up the directories says who gets which copy.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Edge, Graph, Importer, Node, Source, Wish, descriptor, edges, version};

/// Levels of `node_modules` below each other.
const DEPTH: usize = 64;
/// Characters of a place.
const PLACE: usize = 4096;

pub(super) fn read(lockfile: &str, importers: &[Importer]) -> Result<Graph, String> {
    let lockfile: Value =
        serde_json::from_str(lockfile.trim_start_matches('\u{feff}')).map_err(|why| why.to_string())?;
    let mut tree = Tree::default();
    for importer in importers {
        tree.add(importer.dir.clone(), importer.node());
    }
    let packages = lockfile.get("packages").and_then(Value::as_object);
    match packages {
        Some(packages) => tree.add_packages(packages),
        None => {
            let nested = lockfile.get("dependencies").and_then(Value::as_object);
            nested.into_iter().for_each(|nested| tree.add_nested(nested, "", 0));
        }
    }
    Ok(tree.resolve(packages.is_some()))
}

#[derive(Default)]
struct Tree {
    nodes: Vec<Node>,
    places: BTreeMap<String, usize>,
    /// The place of each node.
    of: Vec<String>,
    /// Places that are links to other places.
    links: BTreeMap<String, String>,
}

impl Tree {
    fn add(&mut self, place: String, node: Node) {
        if place.len() <= PLACE && !self.places.contains_key(&place) {
            self.places.insert(place.clone(), self.nodes.len());
            self.of.push(place);
            self.nodes.push(node);
        }
    }

    /// Versions 2 and 3: `packages` by place.
    fn add_packages(&mut self, packages: &Map<String, Value>) {
        for (place, entry) in packages {
            let text = |key: &str| entry.get(key).and_then(Value::as_str);
            if entry.get("link").and_then(Value::as_bool) == Some(true) {
                self.links.insert(place.clone(), text("resolved").unwrap_or_default().to_owned());
                continue;
            }
            let installed = place.rsplit_once("node_modules/").map(|(_, name)| name);
            let source = match installed {
                Some(_) if text("resolved").is_some_and(is_elsewhere) => Source::Elsewhere,
                Some(_) => Source::Registry,
                None => Source::Importer(place.clone()),
            };
            let node = Node {
                name: text("name").or(installed).unwrap_or(place).to_owned(),
                version: text("version").and_then(version).unwrap_or_default(),
                source,
                bundled: entry.get("inBundle").and_then(Value::as_bool) == Some(true),
                edges: edges(entry, installed.is_none()),
            };
            self.add(place.clone(), node);
        }
    }

    /// Version 1: `dependencies` within each other.
    fn add_nested(&mut self, nested: &Map<String, Value>, above: &str, depth: usize) {
        if depth > DEPTH {
            return;
        }
        for (name, entry) in nested {
            let place = if above.is_empty() {
                format!("node_modules/{name}")
            } else {
                format!("{above}/node_modules/{name}")
            };
            let (own, source, version) = old_version(name, entry.get("version").and_then(Value::as_str));
            let requires = entry.get("requires").and_then(Value::as_object);
            let edges = requires.into_iter().flatten().filter_map(|(name, range)| {
                let range = Some(range.as_str()?.to_owned());
                Some(Edge { name: name.clone(), range, wish: Wish::Prod, to: None })
            });
            let bundled = entry.get("bundled").and_then(Value::as_bool) == Some(true);
            let node = Node { name: own, version, source, bundled, edges: edges.collect() };
            self.add(place.clone(), node);
            if let Some(nested) = entry.get("dependencies").and_then(Value::as_object) {
                self.add_nested(nested, &place, depth.saturating_add(1));
            }
        }
    }

    fn resolve(mut self, modern: bool) -> Graph {
        for index in 0..self.nodes.len() {
            let Some(place) = self.of.get(index) else { continue };
            let wanted = self.nodes.get(index).map_or(&[][..], |node| node.edges.as_slice());
            let found: Vec<Option<usize>> = wanted.iter().map(|edge| self.find(place, &edge.name)).collect();
            let edges = self.nodes.get_mut(index).map(|node| node.edges.iter_mut());
            for (edge, to) in edges.into_iter().flatten().zip(found) {
                edge.to = to;
            }
        }
        Graph { nodes: self.nodes, knows_peers: modern, can_override: modern, ..Graph::default() }
    }

    /// Node's walk: the nearest `node_modules` upwards that has the name.
    fn find(&self, place: &str, name: &str) -> Option<usize> {
        let mut above = place;
        loop {
            let candidate = if above.is_empty() {
                format!("node_modules/{name}")
            } else {
                format!("{above}/node_modules/{name}")
            };
            let candidate = self.links.get(&candidate).unwrap_or(&candidate);
            if let Some(index) = self.places.get(candidate) {
                return Some(*index);
            }
            if above.is_empty() {
                return None;
            }
            above = above.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }
}

fn is_elsewhere(resolved: &str) -> bool {
    ["git", "file:", "github:"].iter().any(|start| resolved.starts_with(start))
}

/// Version 1 writes an alias as `npm:name@1.2.3`, and everything that is not
/// from the registry as an address.
fn old_version(name: &str, text: Option<&str>) -> (String, Source, deno_semver::Version) {
    let text = text.unwrap_or_default();
    if let Some((own, bare)) = text.strip_prefix("npm:").and_then(descriptor) {
        return (own.to_owned(), Source::Registry, version(bare).unwrap_or_default());
    }
    match version(text) {
        Some(version) => (name.to_owned(), Source::Registry, version),
        None => (name.to_owned(), Source::Elsewhere, deno_semver::Version::default()),
    }
}
