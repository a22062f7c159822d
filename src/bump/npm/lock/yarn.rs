//! `yarn.lock` of yarn 1, and what both yarns share: entries that are found
//! by the words that ask for them.

use std::collections::{BTreeMap, HashMap};

use super::{Edge, Graph, Importer, Node, Source, Wish, descriptor, version};

/// One entry: every descriptor that it answers, and what it is.
pub(super) struct Entry {
    pub(super) descriptors: Vec<String>,
    pub(super) node: Node,
}

pub(super) fn read(lockfile: &str, importers: &[Importer]) -> Result<Graph, String> {
    let entries: Vec<Entry> = blocks(lockfile).iter().filter_map(entry).collect();
    if entries.is_empty() && lockfile.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        return Err("it is not a yarn.lock of yarn 1".to_owned());
    }
    Ok(link(entries, importers, false))
}

/// Resolves every edge by its descriptor; an entry that only answers to
/// another range (a resolution in the manifest) is taken when it is the only
/// one of its name.
pub(super) fn link(entries: Vec<Entry>, importers: &[Importer], knows_peers: bool) -> Graph {
    let mut nodes: Vec<Node> = Vec::new();
    let mut by_descriptor: HashMap<String, usize> = HashMap::new();
    let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut workspaces: BTreeMap<String, usize> = BTreeMap::new();
    for importer in importers {
        workspaces.insert(importer.name.clone(), nodes.len());
        nodes.push(importer.node());
    }
    for entry in entries {
        let index = nodes.len();
        for words in entry.descriptors {
            if let Some((name, _)) = descriptor(&words) {
                let list = by_name.entry(name.to_owned()).or_default();
                if !list.contains(&index) {
                    list.push(index);
                }
            }
            by_descriptor.insert(words, index);
        }
        nodes.push(entry.node);
    }
    let find = |name: &str, range: &str| {
        let exact = by_descriptor.get(&format!("{name}@{range}"));
        let exact = exact.or_else(|| by_descriptor.get(&format!("{name}@npm:{range}")));
        let only = || by_name.get(name).filter(|list| list.len() == 1).and_then(|list| list.first());
        exact.or_else(|| workspaces.get(name)).or_else(only).copied()
    };
    for edge in nodes.iter_mut().flat_map(|node| &mut node.edges) {
        if edge.wish != Wish::Peer {
            edge.to = find(&edge.name, edge.range.as_deref().unwrap_or_default());
        }
    }
    Graph { nodes, knows_peers, can_override: true, ..Graph::default() }
}

/// The lines of one entry: its head, then `(indentation, key, value)`.
struct Block<'a> {
    head: &'a str,
    lines: Vec<(usize, &'a str, String)>,
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        let bare = line.trim_start();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let indentation = line.len().saturating_sub(bare.len());
        if indentation == 0 {
            blocks.push(Block { head: bare.trim_end_matches(':'), lines: Vec::new() });
        } else if let Some(block) = blocks.last_mut() {
            let (key, value) = key_and_value(bare);
            block.lines.push((indentation, key, value));
        }
    }
    blocks
}

/// `key "value"`, `"key" value`, `key:`.
fn key_and_value(line: &str) -> (&str, String) {
    let (key, value) = match line.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        Some(both) => both,
        None => line.split_once(' ').unwrap_or((line, "")),
    };
    (key.trim_end_matches(':'), value.trim().trim_matches('"').to_owned())
}

fn entry(block: &Block<'_>) -> Option<Entry> {
    let descriptors: Vec<String> =
        block.head.split(',').map(|one| one.trim().trim_matches('"').to_owned()).collect();
    let (declared, range) = descriptor(descriptors.first()?)?;
    let name = range.strip_prefix("npm:").and_then(descriptor).map_or(declared, |(own, _)| own).to_owned();
    let mut edges = Vec::new();
    let mut wish = None;
    let mut text = "";
    let mut resolved = "";
    for (indentation, key, value) in &block.lines {
        if *indentation <= 2 {
            wish = match *key {
                "dependencies" => Some(Wish::Prod),
                "optionalDependencies" => Some(Wish::Optional),
                _ => None,
            };
            match *key {
                "version" => text = value,
                "resolved" => resolved = value,
                _ => {}
            }
        } else if let Some(wish) = wish {
            edges.push(Edge { name: (*key).to_owned(), range: Some(value.clone()), wish, to: None });
        }
    }
    let from_elsewhere = super::super::spec::is_elsewhere(range) || resolved.starts_with("git");
    let source = if from_elsewhere { Source::Elsewhere } else { Source::Registry };
    let node = Node { name, version: version(text)?, source, bundled: false, edges };
    Some(Entry { descriptors, node })
}
