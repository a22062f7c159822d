//! The bump without a model: which version, which bytes of the manifests,
//! which lockfile.
//!
//! Choosing and editing are pure, in three steps: [`survey`] finds the
//! project, [`plan`] decides from its files and the registries' listings, and
//! [`edit`] changes the version's own bytes. [`apply`] lets the repository's
//! own package manager bring the plan about in the container, and proves what
//! came of it: a tree that holds another version than the one chosen, or a
//! vulnerable copy of what was to be fixed, does not leave this room.

pub mod edit;
pub mod group;
pub mod maven;
pub mod npm;
pub mod survey;

mod elsewhere;
mod kept;

use crate::advisory::{Advisory, Proof};
use crate::change::{Bump, Ecosystem, Moved, Resolved};
use crate::exec::Exec;
use crate::failure::Failure;
use crate::manager::{self, Manager, Signs};
use crate::outcome::Outcome;
use crate::packages::Packages;
use crate::record::Recorder;
use crate::runtime::Runtime;
use edit::Texts;
use group::Subset;
use survey::Project;

pub use kept::Kept;

/// What is asked for: packages to bump, or advisories to answer.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    pub bumps: Vec<Bump>,
    pub advisories: Vec<Advisory>,
}

impl Ask {
    /// One or more packages.
    #[must_use]
    pub fn bump(bumps: Vec<Bump>) -> Self {
        Self { bumps, advisories: Vec::new() }
    }

    /// What answers these advisories, each package once.
    #[must_use]
    pub fn answer(advisories: Vec<Advisory>) -> Self {
        let mut bumps: Vec<Bump> = Vec::new();
        for advisory in &advisories {
            if !bumps.iter().any(|bump| bump.package == advisory.package) {
                bumps.push(Bump { package: advisory.package.clone(), version: None });
            }
        }
        Self { bumps, advisories }
    }

    /// Several packages that nothing but the request holds together.
    #[must_use]
    pub fn is_group(&self) -> bool {
        self.bumps.len() > 1 && self.advisories.is_empty()
    }

    /// The members of a group by their places.
    #[must_use]
    pub fn only(&self, members: &Subset) -> Self {
        let bumps = members.iter().filter_map(|member| self.bumps.get(*member).cloned()).collect();
        Self { bumps, advisories: self.advisories.clone() }
    }
}

/// A project of the tree, with the texts that the room reads.
#[derive(Debug, Clone)]
pub struct Repository {
    pub project: Project,
    /// By path relative to the project's root.
    pub files: Texts,
    /// All paths of the project, relative as well.
    pub paths: Vec<String>,
}

impl Repository {
    /// The JavaScript package manager in charge.
    ///
    /// # Errors
    /// There is no lockfile, or none that is driven.
    pub fn manager(&self) -> Result<Manager, Failure> {
        let bytes = |name: &str| self.files.get(name).map(|text| text.clone().into_bytes());
        let lockfiles =
            manager::LOCKFILES.iter().filter_map(|name| Some(((*name).to_owned(), bytes(name)?))).collect();
        let signs = Signs {
            manifest: bytes("package.json"),
            lockfiles,
            yarnrc: bytes(".yarnrc.yml"),
            paths: self.paths.clone(),
        };
        signs.manager()
    }
}

/// What to do.
#[derive(Debug, Clone)]
pub enum Plan {
    Npm(npm::Plan),
    Maven(maven::Plan),
}

impl Plan {
    #[must_use]
    pub fn resolved(&self) -> &Resolved {
        match self {
            Self::Npm(plan) => &plan.resolved,
            Self::Maven(plan) => &plan.resolved,
        }
    }
}

/// Decides: which version, by which step, with whom.
///
/// # Errors
/// The answer is no, with the reason; or a registry cannot be read.
pub async fn plan(
    repository: &Repository,
    ask: &Ask,
    runtime: &Runtime,
    packages: &dyn Packages,
) -> Result<Plan, Failure> {
    let Ask { bumps, advisories } = ask;
    let ecosystem = repository.project.ecosystem;
    let address = packages.address(ecosystem);
    match ecosystem {
        Ecosystem::Npm => {
            let manager = repository.manager()?;
            let files = &npm::importers::of(&repository.files, &manager);
            elsewhere::check(ecosystem, files, address.as_deref())?;
            let question = npm::Question { files, manager: &manager, bumps, advisories, runtime };
            Ok(Plan::Npm(npm::plan(&question, packages).await?))
        }
        Ecosystem::Maven => {
            let files = &repository.files;
            elsewhere::check(ecosystem, files, address.as_deref())?;
            let question = maven::Question { files, bumps, advisories, runtime };
            Ok(Plan::Maven(maven::plan(&question, packages).await?))
        }
    }
}

/// What was brought about.
#[derive(Debug)]
pub struct Applied {
    /// What was decided in the end: peers may have moved along.
    pub resolved: Resolved,
    /// One for every package with an advisory.
    pub proofs: Vec<Proof>,
}

/// What [`apply`] works with. `exec` sees the project's root.
#[expect(missing_debug_implementations, reason = "a container and a registry have nothing to show")]
pub struct Work<'w> {
    pub exec: &'w dyn Exec,
    pub packages: &'w dyn Packages,
    pub recorder: &'w Recorder,
    pub repository: &'w Repository,
    pub ask: &'w Ask,
    pub runtime: &'w Runtime,
}

/// Brings the plan about in the work container, whose door is open.
///
/// # Errors
/// The package manager cannot resolve, fetch or install; or what it wrote is
/// not what was planned.
pub async fn apply(work: &Work<'_>, plan: &Plan) -> Result<Applied, Failure> {
    let applied = match plan {
        Plan::Npm(plan) => apply_npm(work, plan).await?,
        Plan::Maven(plan) => apply_maven(work, plan).await?,
    };
    match vulnerable_copies(&applied.proofs) {
        None => Ok(applied),
        Some(left) => Err(edit_failed(format!("lift every copy: {left}"))),
    }
}

/// What is still vulnerable, for a person; `None` when every proof holds.
#[must_use]
pub fn vulnerable_copies(proofs: &[Proof]) -> Option<String> {
    let failed: Vec<String> = proofs.iter().filter(|proof| !proof.holds()).map(left).collect();
    (!failed.is_empty()).then(|| failed.join(", "))
}

/// The copies that are still vulnerable, for a person.
fn left(proof: &Proof) -> String {
    let left = proof.copies.iter().filter(|copy| copy.vulnerable);
    left.map(|copy| format!("{} stays at {}", copy.path, copy.version)).collect::<Vec<_>>().join(", ")
}

/// Plans again around every peer conflict that the manager reports.
async fn apply_npm(work: &Work<'_>, plan: &npm::Plan) -> Result<Applied, Failure> {
    let files = npm::importers::of(&work.repository.files, &plan.manager);
    let question = npm::Question {
        files: &files,
        manager: &plan.manager,
        bumps: &work.ask.bumps,
        advisories: &work.ask.advisories,
        runtime: work.runtime,
    };
    let mut plan = plan.clone();
    let mut conflicts = Vec::new();
    loop {
        match npm::relock::attempt(work.exec, &plan, work.recorder).await {
            Ok(_relocked) => break,
            Err(npm::relock::Stop::Failed(failure)) => return Err(failure),
            Err(npm::relock::Stop::Conflicts(reported, failure)) => {
                let known = conflicts.len();
                for conflict in reported.into_iter().map(npm::Conflict::from) {
                    if !conflicts.contains(&conflict) {
                        conflicts.push(conflict);
                    }
                }
                if conflicts.len() == known {
                    return Err(failure);
                }
                plan = npm::plan_around(&question, work.packages, &conflicts).await?;
                restore(work, &plan.manifests).await?;
            }
        }
    }
    let lockfile = lockfile_of(work, &plan).await?;
    let before = work.repository.files.get(&plan.manager.lockfile);
    let before = before.ok_or_else(|| edit_failed(format!("find {}", plan.manager.lockfile)))?;
    plan.check_moves(before, &lockfile, &files)?;
    let proofs = prove_npm(work, &plan, &lockfile)?;
    Ok(Applied { resolved: plan.resolved, proofs })
}

/// The lockfile that was written.
async fn lockfile_of(work: &Work<'_>, plan: &npm::Plan) -> Result<String, Failure> {
    let path = &plan.manager.lockfile;
    let lockfile = work.exec.read(path, LOCKFILE).await?;
    let lockfile = lockfile.and_then(|bytes| String::from_utf8(bytes).ok());
    lockfile.ok_or_else(|| edit_failed(format!("read {path} again")))
}

/// Puts back what an attempt changed and the next plan does not.
async fn restore(work: &Work<'_>, except: &Texts) -> Result<(), Failure> {
    for (path, text) in work.repository.files.iter().filter(|(path, _)| !except.contains_key(*path)) {
        work.exec.write(path, text.as_bytes()).await?;
    }
    Ok(())
}

fn prove_npm(work: &Work<'_>, plan: &npm::Plan, lockfile: &str) -> Result<Vec<Proof>, Failure> {
    let mut files = work.repository.files.clone();
    files.extend(plan.manifests.clone());
    files.insert(plan.manager.lockfile.clone(), lockfile.to_owned());
    prove_lockfile(&plan.manager, &files, &work.ask.advisories)
}

/// Checks every copy that a lockfile installs.
///
/// # Errors
/// The lockfile or a range cannot be read.
pub fn prove_lockfile(
    manager: &Manager,
    files: &Texts,
    advisories: &[Advisory],
) -> Result<Vec<Proof>, Failure> {
    let path = &manager.lockfile;
    let lockfile = files.get(path).ok_or_else(|| edit_failed(format!("find {path}")))?;
    by_package(advisories)
        .iter()
        .map(|advisories| {
            npm::proof::prove(lockfile, path, manager.kind, files, advisories).map_err(edit_failed)
        })
        .collect()
}

async fn apply_maven(work: &Work<'_>, plan: &maven::Plan) -> Result<Applied, Failure> {
    maven::apply::apply(work.exec, plan, work.recorder).await?;
    let mut files = work.repository.files.clone();
    files.extend(plan.manifests.clone());
    let advisories = &work.ask.advisories;
    let proofs = prove_build(work.exec, &plan.resolved, &files, advisories, work.recorder).await?;
    Ok(Applied { resolved: plan.resolved.clone(), proofs })
}

/// Lets the real Maven resolve every module of the tree in the container,
/// whose door is open, and checks every copy. `files` are the tree's.
///
/// # Errors
/// Maven cannot resolve, or its trees are not whole, or the container fails.
pub async fn prove_build(
    exec: &dyn Exec,
    resolved: &Resolved,
    files: &Texts,
    advisories: &[Advisory],
    recorder: &Recorder,
) -> Result<Vec<Proof>, Failure> {
    let mut proofs = Vec::new();
    for advisories in by_package(advisories) {
        let expected = maven::apply::Expected::of(resolved, files, &advisories);
        proofs.push(maven::apply::prove(exec, &expected, recorder).await?);
    }
    Ok(proofs)
}

/// A failed build that says itself what it wants, and the versions that the
/// answer changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstMove(maven::first_move::Move, Vec<Moved>);

impl std::fmt::Display for FirstMove {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            maven::first_move::Move::Pin { pins, .. } => {
                let pins: Vec<String> = pins
                    .iter()
                    .map(|pin| format!("{}:{} {}", pin.group, pin.artifact, pin.version))
                    .collect();
                write!(f, "pinned {}", pins.join(", "))
            }
            maven::first_move::Move::Lock { goal } => write!(f, "ran {goal}"),
        }
    }
}

/// Reads what a failed verification of the work container's tree said;
/// `None` when thought is needed.
///
/// # Errors
/// The container fails, or a registry cannot be read.
pub async fn first_move(work: &Work<'_>, said: &str) -> Result<Option<FirstMove>, Failure> {
    if work.repository.project.ecosystem != Ecosystem::Maven {
        return Ok(None);
    }
    let files = now(work).await?;
    let question = maven::Question {
        files: &files,
        bumps: &work.ask.bumps,
        advisories: &work.ask.advisories,
        runtime: work.runtime,
    };
    let found = maven::first_move(&question, work.packages, said).await?;
    Ok(found.map(|(what, moved)| FirstMove(what, moved)))
}

/// Makes the move in the work container, whose door is open, and says which
/// versions it changed.
///
/// # Errors
/// A pom cannot be edited, or the container fails.
pub async fn answer(work: &Work<'_>, answer: &FirstMove) -> Result<Vec<Moved>, Failure> {
    match &answer.0 {
        maven::first_move::Move::Lock { goal } => {
            maven::apply::run_goal(work.exec, goal, work.recorder).await?;
        }
        maven::first_move::Move::Pin { project, pins } => {
            let files = now(work).await?;
            for (path, text) in maven::first_move::pins(&files, project.as_deref(), pins)? {
                if files.get(&path) != Some(&text) {
                    work.exec.write(&path, text.as_bytes()).await?;
                }
            }
        }
    }
    Ok(answer.1.clone())
}

/// The texts that the room reads, as they are in the work container.
async fn now(work: &Work<'_>) -> Result<Texts, Failure> {
    let mut files = Texts::new();
    for path in work.repository.files.keys() {
        let bytes = work.exec.read(path, LOCKFILE).await?;
        if let Some(text) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
            files.insert(path.clone(), text);
        }
    }
    Ok(files)
}

fn by_package(advisories: &[Advisory]) -> Vec<Vec<Advisory>> {
    let mut groups: Vec<Vec<Advisory>> = Vec::new();
    for advisory in advisories {
        match groups.iter_mut().find(|group| group.iter().any(|known| known.package == advisory.package)) {
            Some(group) => group.push(advisory.clone()),
            None => groups.push(vec![advisory.clone()]),
        }
    }
    groups
}

/// Bytes of a lockfile.
const LOCKFILE: usize = 64 * 1024 * 1024;

fn edit_failed(what: impl Into<String>) -> Failure {
    Failure::user(Outcome::EditFailed, what)
}

fn declined(what: impl Into<String>) -> Failure {
    Failure::user(Outcome::DeclinedPolicy, what)
}
