//! The tree of dependencies, as Maven mediates it.
//!
//! Breadth first: the nearest declaration of an artifact wins, and the first
//! one among equally near ones. What loses is kept with its path, because an
//! artifact is only lifted when every path to it is answered. Versions of
//! transitive artifacts are overridden by the dependency management of the
//! pom at the root, and by nothing below it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::effective::{Effective, World};
use super::model::{Dependency, Gav};
use super::shelf::{Stop, together};
use super::{range, version};

/// A tree with more nodes is not one that a person would maintain.
const NODES_CAP: usize = 20_000;

/// One artifact at its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub dependency: Dependency,
    /// The node that declares it; `None` for what the root declares.
    pub parent: Option<usize>,
    pub depth: usize,
    /// The version that its parent asked for, when the root's management
    /// put another one in its place.
    pub asked: Option<String>,
    /// Another declaration of the artifact won; this is its node.
    pub lost_to: Option<usize>,
}

/// What one module resolves to.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub root: Gav,
    pub nodes: Vec<Node>,
}

struct Waiting {
    dependency: Dependency,
    parent: Option<usize>,
    asked: Option<String>,
    exclusions: Arc<Vec<(String, String)>>,
}

/// # Errors
/// More has to be fetched, or the tree is out of all proportion.
pub(super) fn resolve(world: &World<'_>, root: &Effective) -> Result<Tree, Stop> {
    let mut tree = Tree { root: root.gav.clone(), nodes: Vec::new() };
    let mut winners: BTreeMap<String, usize> = BTreeMap::new();
    let mut level: Vec<Waiting> =
        root.dependencies.iter().map(|dependency| Waiting::new(dependency, None, &Arc::default())).collect();
    while !level.is_empty() {
        for waiting in &mut level {
            waiting.manage(root);
        }
        together(level.iter_mut().map(|waiting| pin_range(world, &mut waiting.dependency)))?;
        let mut met = BTreeSet::new();
        let moving = level.iter_mut().filter(|waiting| {
            let key = waiting.dependency.key();
            !winners.contains_key(&key) && met.insert(key)
        });
        together(moving.map(|waiting| relocated(world, &mut waiting.dependency)))?;
        let placed: Vec<_> =
            level.drain(..).filter_map(|waiting| tree.place(waiting, &mut winners)).collect();
        if tree.nodes.len() > NODES_CAP {
            return Err(Stop::edit(format!("resolve the dependencies of {}: there are too many", root.gav)));
        }
        let below = placed.iter().map(|(node, waiting)| children(world, *node, waiting));
        level = together(below)?.into_iter().flatten().collect();
    }
    tree.settle_scopes();
    Ok(tree)
}

impl Waiting {
    fn new(dependency: &Dependency, parent: Option<usize>, above: &Arc<Vec<(String, String)>>) -> Self {
        Self { dependency: dependency.clone(), parent, asked: None, exclusions: Arc::clone(above) }
    }

    /// What the root's dependency management makes of a transitive one, and
    /// what is shut out below it from here on.
    fn manage(&mut self, root: &Effective) {
        let managed = self.parent.and_then(|_| root.managed.get(&self.dependency.key()));
        let managed = managed.map(|managed| &managed.dependency);
        if let Some(managed) = managed {
            if !managed.gav.version.is_empty() && managed.gav.version != self.dependency.gav.version {
                self.asked = Some(self.dependency.gav.version.clone());
                self.dependency.gav.version.clone_from(&managed.gav.version);
            }
            if !managed.scope.is_empty() {
                self.dependency.scope.clone_from(&managed.scope);
            }
        }
        let more =
            managed.into_iter().flat_map(|managed| &managed.exclusions).chain(&self.dependency.exclusions);
        let more: Vec<(String, String)> = more.cloned().collect();
        if !more.is_empty() {
            self.exclusions = Arc::new(self.exclusions.iter().cloned().chain(more).collect());
        }
    }
}

/// The artifact's own dependencies, as far as they are passed on.
fn children(world: &World<'_>, node: usize, waiting: &Waiting) -> Result<Vec<Waiting>, Stop> {
    let Some(effective) = artifact(world, &waiting.dependency)? else { return Ok(Vec::new()) };
    let passed_on = |dependency: &&Dependency| {
        !dependency.optional && !matches!(dependency.scope.as_str(), "test" | "provided" | "system")
    };
    let excluded = |dependency: &&Dependency| {
        waiting.exclusions.iter().any(|(group, artifact)| {
            let fits = |pattern: &str, name: &str| pattern == "*" || pattern == name;
            fits(group, &dependency.gav.group) && fits(artifact, &dependency.gav.artifact)
        })
    };
    let wait = |dependency: &Dependency| Waiting::new(dependency, Some(node), &waiting.exclusions);
    Ok(effective.dependencies.iter().filter(passed_on).filter(|one| !excluded(one)).map(wait).collect())
}

/// What the artifact's pom comes to, following a relocation.
fn artifact(world: &World<'_>, dependency: &Dependency) -> Result<Option<Arc<Effective>>, Stop> {
    if dependency.scope == "system" {
        return Ok(None);
    }
    match world.path_of(&dependency.gav) {
        Some(path) => world.local(path).map(Some),
        None => world.remote(&dependency.gav),
    }
}

/// The name that an artifact goes by now, when its pom says that it moved.
fn relocated(world: &World<'_>, dependency: &mut Dependency) -> Result<(), Stop> {
    for _ in 0..4 {
        if dependency.scope == "system" || world.path_of(&dependency.gav).is_some() {
            return Ok(());
        }
        let Some(pom) = world.shelf.pom(&dependency.gav)? else { return Ok(()) };
        let Some(to) = &pom.relocation else { return Ok(()) };
        let gav = &mut dependency.gav;
        for (part, new) in
            [(&mut gav.group, &to.group), (&mut gav.artifact, &to.artifact), (&mut gav.version, &to.version)]
        {
            if !new.is_empty() && !new.contains("${") {
                part.clone_from(new);
            }
        }
    }
    Ok(())
}

impl Tree {
    /// Puts a declaration into the tree; gives it back when it won.
    fn place(&mut self, waiting: Waiting, winners: &mut BTreeMap<String, usize>) -> Option<(usize, Waiting)> {
        let above = waiting.parent.and_then(|parent| self.nodes.get(parent));
        let depth = above.map_or(1, |node| node.depth + 1);
        let key = waiting.dependency.key();
        let lost_to = winners.get(&key).copied();
        let index = self.nodes.len();
        let (dependency, parent, asked) = (waiting.dependency.clone(), waiting.parent, waiting.asked.clone());
        self.nodes.push(Node { dependency, parent, depth, asked, lost_to });
        if lost_to.is_some() {
            return None;
        }
        winners.insert(key, index);
        Some((index, waiting))
    }

    /// A scope is what the path makes of it; where paths differ, an artifact
    /// that is not declared at the root gets the widest one.
    fn settle_scopes(&mut self) {
        // Twice, because a node that was widened widens what is below it.
        for _ in 0..2 {
            for index in 0..self.nodes.len() {
                let Some(node) = self.nodes.get(index) else { continue };
                let above = node.parent.and_then(|parent| self.nodes.get(parent));
                let scope = derived(above.map(|node| node.dependency.scope.as_str()), &node.dependency.scope);
                let winner = node.lost_to;
                if let Some(node) = self.nodes.get_mut(index) {
                    node.dependency.scope.clone_from(&scope);
                }
                if let Some(winner) = winner.and_then(|winner| self.nodes.get_mut(winner))
                    && winner.depth > 1
                    && width(&scope) > width(&winner.dependency.scope)
                {
                    winner.dependency.scope = scope;
                }
            }
        }
    }

    /// The version that is used; `None` when the artifact is not in the tree.
    pub(super) fn version(&self, group: &str, artifact: &str) -> Option<&str> {
        self.winners(group, artifact).next().map(|node| node.dependency.gav.version.as_str())
    }

    /// Every copy that is used: one for each type and classifier.
    pub(super) fn winners(&self, group: &str, artifact: &str) -> impl Iterator<Item = &Node> {
        self.occurrences(group, artifact).map(|(_, node)| node).filter(|node| node.lost_to.is_none())
    }

    /// Every declaration of the artifact that was met, the losing ones too.
    pub(super) fn occurrences(&self, group: &str, artifact: &str) -> impl Iterator<Item = (usize, &Node)> {
        self.nodes.iter().enumerate().filter(move |(_, node)| node.dependency.gav.is(group, artifact))
    }

    /// The declared dependency at the root through which a node comes in.
    pub(super) fn entry(&self, node: usize) -> Option<&Node> {
        let mut node = self.nodes.get(node)?;
        while let Some(parent) = node.parent {
            node = self.nodes.get(parent)?;
        }
        Some(node)
    }

    /// `app > a > b`.
    pub(super) fn path(&self, node: usize) -> String {
        let mut names = Vec::new();
        let mut next = Some(node);
        while let Some(node) = next.and_then(|index| self.nodes.get(index)) {
            let gav = &node.dependency.gav;
            names.push(format!("{}:{}", gav.artifact, gav.version));
            next = node.parent;
        }
        names.push(self.root.artifact.clone());
        names.reverse();
        names.join(" > ")
    }
}

/// A range becomes the newest published version in it.
fn pin_range(world: &World<'_>, dependency: &mut Dependency) -> Result<(), Stop> {
    let gav = &mut dependency.gav;
    if gav.version.starts_with(['[', '(']) {
        let versions = world.shelf.versions(&gav.group, &gav.artifact)?.unwrap_or_default();
        let within = versions.iter().filter(|version| range::satisfies(version, &gav.version));
        if let Some(newest) = within.max_by(|left, right| version::compare(left, right)) {
            gav.version = newest.clone();
        }
    }
    Ok(())
}

fn derived(above: Option<&str>, own: &str) -> String {
    let own = if own.is_empty() { "compile" } else { own };
    let scope = match (above, own) {
        (None | Some("compile" | ""), _) | (_, "test" | "system") => own,
        (Some("runtime"), "compile") => "runtime",
        (Some(above @ ("test" | "provided")), _) => above,
        (Some(_), _) => own,
    };
    scope.to_owned()
}

fn width(scope: &str) -> u8 {
    match scope {
        "compile" => 4,
        "runtime" => 3,
        "system" => 2,
        "provided" => 1,
        _ => 0,
    }
}
