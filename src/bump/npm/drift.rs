//! What moved in a lockfile without having been planned.
//!
//! A package manager may bring in what a planned package newly needs, and
//! that may move what others share with it. A version that nothing of the
//! plan leads to is somebody else's bump, and is refused. New packages and
//! copies that fell away are not looked at here.

use std::collections::{BTreeMap, BTreeSet};

use deno_semver::Version;

use super::lock::{Graph, Node, Source};
use super::{Plan, spec};

/// Versions by package.
type Versions<'a> = BTreeMap<&'a str, BTreeSet<&'a Version>>;

fn versions(graph: &Graph) -> Versions<'_> {
    let mut versions = Versions::new();
    for (_, node) in graph.nodes().filter(|(_, node)| node.source == Source::Registry) {
        versions.entry(&node.name).or_default().insert(&node.version);
    }
    versions
}

/// The first package that has another version than before, and neither is
/// planned nor follows from what is: `name from to`.
pub(super) fn unplanned(before: &Graph, after: &Graph, plan: &Plan) -> Option<(String, String, String)> {
    let old = versions(before);
    let is_new = |node: &Node| {
        let known = old.get(node.name.as_str());
        node.source == Source::Registry && known.is_none_or(|known| !known.contains(&node.version))
    };
    let planned = planned(plan);
    let is_planned = |node: &Node| planned.contains(&(node.name.as_str(), node.version.to_string()));
    let start = after.nodes().filter(|(_, node)| is_planned(node)).map(|(index, _)| index);
    let reached = after.reached(start.collect());
    let moved = |(index, node): (usize, &Node)| {
        let old = old.get(node.name.as_str())?;
        let fine = !is_new(node)
            || is_planned(node)
            || (reached.contains(&index)
                && (!is_own(after, index) || is_needed(after, index, old, &reached)));
        let from = old.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
        (!fine).then(|| (node.name.clone(), from, node.version.to_string()))
    };
    after.nodes().find_map(moved)
}

/// Every version that the plan names.
fn planned(plan: &Plan) -> BTreeSet<(&str, String)> {
    let resolved = [(plan.resolved.package.as_str(), plan.resolved.to.clone())];
    let others = plan.resolved.others.iter().map(|other| (other.package.as_str(), other.to.clone()));
    let pins = plan.pins.iter().map(|pin| (pin.package.as_str(), pin.version.clone()));
    resolved.into_iter().chain(others).chain(pins).collect()
}

/// A manifest of the repository declares it.
fn is_own(graph: &Graph, index: usize) -> bool {
    let importer =
        |parent: usize| graph.node(parent).is_some_and(|parent| matches!(parent.source, Source::Importer(_)));
    graph.dependents(&[index]).iter().any(|(parent, _)| importer(*parent))
}

/// Someone who follows from the plan allows no version that was there.
fn is_needed(graph: &Graph, index: usize, old: &BTreeSet<&Version>, reached: &BTreeSet<usize>) -> bool {
    let excludes = |range: &str| !old.iter().any(|version| spec::admits(range, version));
    graph
        .dependents(&[index])
        .iter()
        .filter(|(parent, _)| reached.contains(parent))
        .any(|(_, edge)| edge.range.as_deref().is_none_or(excludes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bump::edit::Texts;
    use crate::change::{Moved, Resolved};
    use crate::manager::{Kind, Manager};

    const MANIFEST: &str = r#"{"dependencies":{"a":"^1.0.0","own":"^1.0.0","c":"^1.0.0"}}"#;

    /// A lockfile of `name version needs…` lines, all at the top.
    fn graph(packages: &[&str]) -> Graph {
        let mut entries = serde_json::Map::new();
        entries.insert(String::new(), serde_json::from_str(MANIFEST).unwrap());
        for package in packages {
            let words: Vec<&str> = package.split(' ').collect();
            let needs: serde_json::Map<_, _> = words[2..]
                .iter()
                .map(|need| need.rsplit_once('@').unwrap())
                .map(|(name, range)| (name.to_owned(), range.into()))
                .collect();
            let entry = serde_json::json!({ "version": words[1], "dependencies": needs });
            entries.insert(format!("node_modules/{}", words[0]), entry);
        }
        let lockfile = serde_json::json!({ "lockfileVersion": 3, "packages": entries }).to_string();
        let files = Texts::from([("package.json".to_owned(), MANIFEST.to_owned())]);
        Graph::read(&lockfile, "package-lock.json", Kind::Npm, &files).unwrap()
    }

    fn plan() -> Plan {
        let other =
            Moved { package: "peer".into(), from: "1.0.0".into(), to: "2.0.0".into(), why: String::new() };
        Plan {
            resolved: Resolved {
                package: "a".into(),
                from: "1.0.0".into(),
                to: "1.1.0".into(),
                others: vec![other],
                ..Resolved::default()
            },
            manager: Manager::default(),
            manifests: Texts::new(),
            pins: Vec::new(),
        }
    }

    #[test]
    fn only_what_follows_from_the_plan_may_move() {
        let before =
            graph(&["a 1.0.0 b@^1.0.0", "b 1.0.0", "own 1.0.0", "c 1.0.0 d@^1.0.0", "d 1.0.0", "peer 1.0.0"]);
        for (what, after, moved) in [
            ("the plan", vec!["a 1.1.0 b@^1.0.0", "b 1.0.0", "own 1.0.0", "peer 2.0.0"], None),
            ("what it needs", vec!["a 1.1.0 b@^1.1.0", "b 1.2.0 d@^1.1.0", "d 1.1.0", "own 1.0.0"], None),
            ("what is new", vec!["a 1.1.0 n@^1.1.0", "n 1.2.0", "own 1.0.0"], None),
            ("what falls away", vec!["a 1.1.0"], None),
            ("a stranger's", vec!["a 1.1.0", "c 1.0.0 d@^1.0.0", "d 1.3.0"], Some("d")),
            ("a declared one", vec!["a 1.1.0", "own 1.3.0"], Some("own")),
            ("a declared one that is shared", vec!["a 1.1.0 own@^1.0.0", "own 1.3.0"], Some("own")),
            ("a declared one that has to", vec!["a 1.1.0 own@^1.2.0", "own 1.3.0"], None),
            ("the package itself", vec!["a 1.9.0"], Some("a")),
        ] {
            let found = unplanned(&before, &graph(&after), &plan()).map(|(name, ..)| name);
            assert_eq!(found.as_deref(), moved, "{what}");
        }
        let (_, from, to) = unplanned(&before, &graph(&["own 1.3.0"]), &plan()).unwrap();
        assert_eq!((from.as_str(), to.as_str()), ("1.0.0", "1.3.0"));
    }
}
