//! `pnpm-lock.yaml`, versions 5.4, 6 and 9.
//!
//! It keeps what every package gets, not the words in which it asked: the
//! ranges of transitive edges stay unknown here.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Edge, Graph, Importer, Node, Source, Wish, descriptor, version};

const SECTIONS: [(&str, Wish); 3] =
    [("optionalDependencies", Wish::Optional), ("dependencies", Wish::Prod), ("devDependencies", Wish::Dev)];

pub(super) fn read(lockfile: &str, importers: &[Importer]) -> Result<Graph, String> {
    let lockfile: Value = serde_yaml_ng::from_str(lockfile).map_err(|why| why.to_string())?;
    if lockfile.get("lockfileVersion").is_none() {
        return Err("it names no lockfileVersion".to_owned());
    }
    let mut reader =
        Reader { lockfile: &lockfile, nodes: Vec::new(), by_key: BTreeMap::new(), dirs: BTreeMap::new() };
    for importer in importers {
        reader.dirs.insert(importer.dir.clone(), reader.nodes.len());
        reader.nodes.push(importer.node());
    }
    let installed = reader.object("snapshots").or_else(|| reader.object("packages"));
    for (key, entry) in installed.into_iter().flatten() {
        let Some(node) = reader.package(key, entry) else { continue };
        reader.by_key.insert(key.clone(), reader.nodes.len());
        reader.nodes.push(node);
    }
    reader.link(importers);
    Ok(Graph { nodes: reader.nodes, knows_peers: true, can_override: true, ..Graph::default() })
}

struct Reader<'a> {
    lockfile: &'a Value,
    nodes: Vec<Node>,
    by_key: BTreeMap<String, usize>,
    dirs: BTreeMap<String, usize>,
}

impl<'a> Reader<'a> {
    fn object(&self, key: &str) -> Option<&'a Map<String, Value>> {
        self.lockfile.get(key).and_then(Value::as_object)
    }

    fn package(&self, key: &str, entry: &Value) -> Option<Node> {
        let (name, text) = name_and_version(key)?;
        // From version 9 on, what the package says of itself stands apart.
        let whole = key.split('(').next().unwrap_or(key);
        let about = if self.object("snapshots").is_some() {
            self.object("packages").and_then(|packages| packages.get(whole)).unwrap_or(entry)
        } else {
            entry
        };
        let peers = about.get("peerDependencies").and_then(Value::as_object);
        let mut edges = Vec::new();
        for (section, wish) in SECTIONS.into_iter().filter(|(_, wish)| *wish != Wish::Dev) {
            for name in entry.get(section).and_then(Value::as_object).into_iter().flat_map(Map::keys) {
                let peer = peers.and_then(|peers| peers.get(name)).and_then(Value::as_str);
                let wish = if peer.is_some() { Wish::Peer } else { wish };
                edges.push(Edge { name: name.clone(), range: peer.map(str::to_owned), wish, to: None });
            }
        }
        let own = |key: &str| about.get(key).and_then(Value::as_str);
        let found = version(text);
        let source = if found.is_some() { Source::Registry } else { Source::Elsewhere };
        Some(Node {
            name: own("name").unwrap_or(name).to_owned(),
            version: found.or_else(|| own("version").and_then(version)).unwrap_or_default(),
            source,
            bundled: false,
            edges,
        })
    }

    fn link(&mut self, importers: &[Importer]) {
        let keys: Vec<(String, usize)> =
            self.by_key.iter().map(|(key, index)| (key.clone(), *index)).collect();
        let installed = self.object("snapshots").or_else(|| self.object("packages"));
        for (key, index) in keys {
            if let Some(entry) = installed.and_then(|installed| installed.get(&key)) {
                self.link_node(index, entry, "");
            }
        }
        for (position, importer) in importers.iter().enumerate() {
            let key = if importer.dir.is_empty() { "." } else { importer.dir.as_str() };
            let entry = match self.object("importers") {
                Some(all) => all.get(key),
                None => importer.dir.is_empty().then_some(self.lockfile),
            };
            if let Some(entry) = entry {
                self.link_node(position, entry, &importer.dir);
            }
        }
    }

    fn link_node(&mut self, index: usize, entry: &Value, dir: &str) {
        let Some(node) = self.nodes.get(index) else { return };
        let found: Vec<Option<usize>> = node
            .edges
            .iter()
            .map(|edge| {
                let to = SECTIONS.iter().find_map(|(section, _)| entry.get(section)?.get(&edge.name))?;
                let to = to.as_str().or_else(|| to.get("version")?.as_str())?;
                self.find(&edge.name, to, dir)
            })
            .collect();
        let catalogs = self.object("catalogs");
        let edges = self.nodes.get_mut(index).map(|node| node.edges.iter_mut());
        for (edge, to) in edges.into_iter().flatten().zip(found) {
            edge.to = to;
            let catalog = edge.range.as_deref().and_then(|range| range.strip_prefix("catalog:"));
            if let Some(catalog) = catalog {
                let catalog = if catalog.is_empty() { "default" } else { catalog };
                let entry = catalogs.and_then(|all| all.get(catalog)?.get(&edge.name)?.get("specifier"));
                if let Some(range) = entry.and_then(Value::as_str) {
                    edge.range = Some(range.to_owned());
                }
            }
        }
    }

    /// The three formats write a reference as a version, or as a whole key.
    fn find(&self, name: &str, to: &str, dir: &str) -> Option<usize> {
        if let Some(link) = to.strip_prefix("link:") {
            return self.dirs.get(&joined(dir, link)).copied();
        }
        [
            format!("{name}@{to}"),
            format!("/{name}@{to}"),
            format!("/{name}/{to}"),
            to.to_owned(),
            format!("/{to}"),
        ]
        .iter()
        .find_map(|key| self.by_key.get(key))
        .copied()
    }
}

fn joined(dir: &str, link: &str) -> String {
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// `/a/1.0.0_b@2.0.0`, `/a@1.0.0(b@2.0.0)`, `a@1.0.0(b@2.0.0)`.
fn name_and_version(key: &str) -> Option<(&str, &str)> {
    let bare = key.strip_prefix('/').unwrap_or(key);
    let bare = bare.split('(').next().unwrap_or(bare);
    let named =
        descriptor(bare).filter(|(name, _)| name.matches('/').count() == usize::from(name.starts_with('@')));
    named.or_else(|| {
        let scoped = bare.starts_with('@');
        let (first, rest) = bare.split_once('/')?;
        let (name, text) = if scoped {
            let (second, text) = rest.split_once('/')?;
            (bare.get(..first.len().saturating_add(second.len()).saturating_add(1))?, text)
        } else {
            (first, rest)
        };
        Some((name, text.split('_').next().unwrap_or(text)))
    })
}
