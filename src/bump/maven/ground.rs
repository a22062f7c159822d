//! The repository's poms as they stand, or as they would stand after an edit.
//!
//! Only poms that a build from the root reaches count: a pom among test
//! resources is nobody's dependency. Without a pom at the root, every one
//! counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Question;
use super::declared::{Declared, declarations, extensions};
use super::effective::{Effective, World};
use super::model::{self, Gav, Pom};
use super::shelf::{Shelf, Stop, together};
use super::tree::{self, Tree};
use crate::bump::edit::Texts;
use crate::runtime::Runtime;

const EXTENSIONS: &str = ".mvn/extensions.xml";
const CONFIG: &str = ".mvn/maven.config";

/// The poms, and everything that follows from them.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    pub question: &'a Question<'a>,
    pub shelf: &'a Shelf,
    pub texts: Texts,
    poms: BTreeMap<String, Arc<Pom>>,
    set: BTreeMap<String, String>,
    /// What each module comes to, and each of its parents in the repository.
    pub effective: BTreeMap<String, Arc<Effective>>,
    pub declared: Vec<Declared>,
    modules: Vec<String>,
}

impl<'a> Ground<'a> {
    /// # Errors
    /// A pom cannot be read, or more has to be fetched first.
    pub(super) fn new(question: &'a Question<'a>, shelf: &'a Shelf, texts: Texts) -> Result<Self, Stop> {
        let mut ground = Self {
            question,
            shelf,
            set: texts.get(CONFIG).map(|text| set(text)).unwrap_or_default(),
            texts,
            poms: BTreeMap::new(),
            effective: BTreeMap::new(),
            declared: Vec::new(),
            modules: Vec::new(),
        };
        let mut broken = BTreeMap::new();
        for (path, text) in ground.texts.iter().filter(|(path, _)| is_pom(path)) {
            match model::parse(text) {
                Ok(pom) => {
                    ground.poms.insert(path.clone(), Arc::new(pom));
                }
                Err(why) => {
                    broken.insert(path.clone(), why);
                }
            }
        }
        if ground.poms.is_empty() && broken.is_empty() {
            return Err(Stop::edit("find a pom.xml in the repository"));
        }
        ground.modules = ground.reached();
        if let Some((path, why)) = broken.iter().find(|(path, _)| ground.modules.contains(path)) {
            return Err(Stop::edit(format!("read {path}: {why}")));
        }
        ground.work_in()?;
        // A pom that no build reaches cannot be verified: it is not edited.
        let reached = &ground.effective;
        ground.texts.retain(|path, _| !is_pom(path) || reached.contains_key(path));
        Ok(ground)
    }

    /// The same ground after an edit.
    pub(super) fn with(&self, texts: Texts) -> Result<Self, Stop> {
        Self::new(self.question, self.shelf, texts)
    }

    pub(super) fn world(&self) -> World<'_> {
        World {
            poms: &self.poms,
            set: &self.set,
            shelf: self.shelf,
            java: self.jdk(),
            worked: &self.effective,
        }
    }

    pub(super) fn pom(&self, path: &str) -> Option<&Pom> {
        self.poms.get(path).map(Arc::as_ref)
    }

    /// What each module resolves to, by the path of its pom.
    pub(super) fn trees(&self) -> Result<Vec<(&str, Tree)>, Stop> {
        let world = self.world();
        let modules = self.modules.iter().filter_map(|path| Some((path.as_str(), self.effective.get(path)?)));
        together(modules.map(|(path, root)| Ok((path, tree::resolve(&world, root)?))))
    }

    /// The major of the JDK that runs Maven.
    pub(super) fn jdk(&self) -> u64 {
        match self.question.runtime {
            Runtime::Jdk { major, .. } => *major,
            Runtime::Node { .. } => 17,
        }
    }

    /// The newest class files that the repository's own code can use.
    pub(super) fn level(&self) -> u64 {
        match self.question.runtime {
            Runtime::Jdk { major, release } => release.unwrap_or(*major).min(*major),
            Runtime::Node { .. } => 17,
        }
    }

    /// Was everything that the trees use published? A property that sets
    /// several artifacts may name a version that one of them never had.
    /// What was in use before is not asked about.
    pub(super) fn published(&self, trees: &[(&str, Tree)], before: &[(&str, Tree)]) -> Result<bool, Stop> {
        let world = self.world();
        let (used, before) = (used(trees), used(before));
        let theirs = used.difference(&before).filter(|gav| world.path_of(gav).is_none());
        let found = together(theirs.map(|gav| Ok(self.shelf.pom(gav)?.is_some())))?;
        Ok(found.into_iter().all(|is_there| is_there))
    }

    /// A declaration whose version nobody sets any more after an edit: a
    /// newer parent may have dropped it.
    pub(super) fn loses(&self, after: &Self) -> Option<String> {
        after.effective.iter().find_map(|(path, effective)| {
            let before = self.effective.get(path)?;
            let had = |key: &str| {
                before.dependencies.iter().any(|one| one.key() == key && !one.gav.version.is_empty())
            };
            let mut dependencies = effective.dependencies.iter();
            let lost = dependencies.find(|one| one.gav.version.is_empty() && had(&one.key()))?;
            Some(format!("{} of {path}", lost.gav.name()))
        })
    }

    fn work_in(&mut self) -> Result<(), Stop> {
        let mut effective = BTreeMap::new();
        let mut waiting: Vec<String> = self.modules.clone();
        while !waiting.is_empty() {
            let world = self.world();
            let worked = together(waiting.iter().map(|path| Ok((path.clone(), world.local(path)?))))?;
            effective.extend(worked);
            let above: BTreeSet<&str> = effective
                .values()
                .flat_map(|effective| effective.lineage.iter().filter_map(|(source, _)| source.path()))
                .filter(|path| !effective.contains_key(*path))
                .collect();
            waiting = above.into_iter().map(str::to_owned).collect();
        }
        self.effective = effective;
        let mut declared = declarations(&self.world(), &self.effective)?;
        if let Some(text) = self.texts.get(EXTENSIONS) {
            declared.extend(extensions(EXTENSIONS, text));
        }
        self.declared = declared;
        Ok(())
    }

    /// The poms that a build from the root reaches.
    fn reached(&self) -> Vec<String> {
        let root = "pom.xml".to_owned();
        if !self.texts.contains_key(&root) {
            return self.texts.keys().filter(|path| is_pom(path)).cloned().collect();
        }
        let mut reached = vec![root];
        let mut next = 0;
        while let Some(path) = reached.get(next).cloned() {
            next += 1;
            let Some(pom) = self.poms.get(&path) else { continue };
            let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
            let profiles = pom.profiles.iter().flat_map(|profile| &profile.body.modules);
            for module in pom.body.modules.iter().chain(profiles) {
                let plain = joined(dir, module);
                let found = [format!("{plain}/pom.xml"), plain]
                    .into_iter()
                    .find(|path| self.texts.contains_key(path));
                reached.extend(found.filter(|path| !reached.contains(path)));
            }
        }
        reached
    }
}

/// The artifacts that trees use, but for files of the machine.
fn used<'t>(trees: &'t [(&str, Tree)]) -> BTreeSet<&'t Gav> {
    let winners = trees.iter().flat_map(|(_, tree)| &tree.nodes).filter(|node| node.lost_to.is_none());
    winners.map(|node| &node.dependency).filter(|one| one.scope != "system").map(|one| &one.gav).collect()
}

fn is_pom(path: &str) -> bool {
    path.ends_with(".xml") && !path.starts_with(".mvn/")
}

/// The properties that `.mvn/maven.config` sets.
fn set(config: &str) -> BTreeMap<String, String> {
    let words = config.split_whitespace().filter_map(|word| word.strip_prefix("-D"));
    words
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

pub(super) fn joined(dir: &str, module: &str) -> String {
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in module.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}
