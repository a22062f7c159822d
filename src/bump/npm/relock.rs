//! The repository's own package manager in the work container: lockfile,
//! then an installation as proof that lockfile and manifests fit.
//!
//! Everything here runs while the door is open, so nothing here runs code of
//! the repository: scripts, plugins and checked-in releases are off. What the
//! manager wrote is refused when it holds another version than planned, an
//! address of the gateway, or another format.

mod form;
pub(in crate::bump) mod held;
mod pin;
mod said;
mod yarn;

use std::collections::BTreeSet;

use crate::bump::edit_failed;
use crate::bump::npm::conflict::{self, Conflict};
use crate::bump::npm::{Pin, Plan};
use crate::exec::{Command, Exec, Exit, Output};
use crate::failure::Failure;
use crate::manager::hand::Hand;
use crate::manager::{Kind, addresses};
use crate::outcome::Outcome;
use crate::record::Recorder;
use crate::text;

const MANIFEST: &str = "package.json";
const MANIFEST_CAP: usize = 4 * 1024 * 1024;
const WORKSPACE: &str = "pnpm-workspace.yaml";

/// What a relock did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relocked {
    /// Packages whose versions in the lockfile are not what they were.
    pub moved: Vec<String>,
    /// Peers that the manager warns of, and went on.
    pub warnings: Vec<Conflict>,
}

/// Why a relock stopped.
#[derive(Debug)]
pub enum Stop {
    /// Peers that do not fit; the failure is for when nothing helps.
    Conflicts(Vec<Conflict>, Failure),
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Conflicts(_, failure) | Stop::Failed(failure) => failure,
        }
    }
}

/// Writes the manifests, lets the manager write the lockfile, and checks
/// both. After a stop the tree of the container is in no particular state;
/// the next attempt writes every file again.
///
/// # Errors
/// The manager cannot resolve, fetch or install, or wrote something else.
pub async fn attempt(exec: &dyn Exec, plan: &Plan, recorder: &Recorder) -> Result<Relocked, Stop> {
    let hand = Hand { exec, manager: &plan.manager, container: "work", recorder };
    if let Some(output) = hand.get_ready().await? {
        return Err(stopped(plan, &output).into());
    }
    let before =
        hand.lockfile().await?.ok_or_else(|| edit_failed(format!("find {}", plan.manager.lockfile)))?;
    let relock = Relock { hand, plan, before: &before };
    relock.run().await
}

fn stopped(plan: &Plan, output: &Output) -> Failure {
    if output.exit == Exit::TimedOut {
        return Failure::transient(
            Outcome::FetchFailed,
            format!("finish the work of {} in time", plan.manager.name()),
        );
    }
    said::classify(&plan.manager, &heard(output))
}

/// Some managers complain on standard output.
fn heard(output: &Output) -> String {
    text::plain(&format!("{}\n{}", output.stderr_text(), output.stdout_text()))
}

/// One relock.
struct Relock<'a> {
    hand: Hand<'a>,
    plan: &'a Plan,
    /// The lockfile as the repository has it.
    before: &'a str,
}

impl Relock<'_> {
    async fn run(&self) -> Result<Relocked, Stop> {
        let (led, form) = self.led();
        self.write_lockfile(&led).await?;
        let root = self.root().await?;
        self.write_manifests().await?;
        let mut output = self.lock().await?;
        if self.must_pin(&root, &self.lockfile().await?) {
            output = match self.plan.manager.kind {
                Kind::Npm => self.pin_npm(&led, &root).await?,
                Kind::Pnpm => self.pin_pnpm(&led, &root).await?,
                Kind::YarnClassic => self.pin_yarn_classic(&root).await?,
                Kind::YarnBerry => self.pin_yarn_berry().await?,
            };
        }
        let warnings = conflict::parse(&heard(&output));
        self.settle(&form).await?;
        self.prove(&form).await?;
        let moved = self.check().await?;
        Ok(Relocked { moved, warnings })
    }

    /// The lockfile that the manager is to start from.
    fn led(&self) -> (String, addresses::Form) {
        if self.plan.manager.takes_addresses_as_written() {
            addresses::lead_here(self.plan.manager.kind, self.before)
        } else {
            (self.before.to_owned(), addresses::Form::default())
        }
    }

    async fn write_lockfile(&self, text: &str) -> Result<(), Failure> {
        self.hand.exec.write(&self.plan.manager.lockfile, text.as_bytes()).await
    }

    async fn write_manifests(&self) -> Result<(), Failure> {
        for (path, text) in &self.plan.manifests {
            self.hand.exec.write(path, text.as_bytes()).await?;
        }
        Ok(())
    }

    /// The root's manifest as it is to be in the end.
    async fn root(&self) -> Result<String, Failure> {
        if let Some(text) = self.plan.manifests.get(MANIFEST) {
            return Ok(text.clone());
        }
        let bytes = self.hand.exec.read(MANIFEST, MANIFEST_CAP).await?;
        let bytes = bytes.ok_or_else(|| edit_failed("find a package.json at the root of the repository"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn lockfile(&self) -> Result<String, Failure> {
        self.hand
            .lockfile()
            .await?
            .ok_or_else(|| edit_failed("find the lockfile that should have been written"))
    }

    /// Lets the manager write the lockfile.
    async fn lock(&self) -> Result<Output, Stop> {
        let mut words = self.plan.manager.lock();
        if self.plan.manager.kind == Kind::Npm {
            // The links of workspaces have a path there, which says nothing.
            if !["\"resolved\": \"http", "\"resolved\":\"http"].iter().any(|sign| self.before.contains(sign))
            {
                words.push("--omit-lockfile-registry-resolved".to_owned());
            }
            if let Some(format) = npm_format(self.before) {
                words.push(format!("--lockfile-version={format}"));
            }
        }
        self.ask(words).await
    }

    async fn ask(&self, words: Vec<String>) -> Result<Output, Stop> {
        let output = self.hand.ask(words).await?;
        if output.success() {
            return Ok(output);
        }
        let failure = stopped(self.plan, &output);
        let conflicts = conflict::parse(&heard(&output));
        if failure.outcome() == Outcome::BlockedByParent && !conflicts.is_empty() {
            return Err(Stop::Conflicts(conflicts, failure));
        }
        Err(failure.into())
    }

    /// Did the manager, left alone, choose otherwise? Where a range is not
    /// ours to read, any other version of a pinned package is reason enough.
    fn must_pin(&self, root: &str, lockfile: &str) -> bool {
        let kind = self.plan.manager.kind;
        let held = held::read(kind, lockfile).unwrap_or_default();
        let unclear = |pin: &Pin| {
            matches!(kind, Kind::Npm | Kind::Pnpm)
                && pin::declarations(root, pin).is_empty()
                && held.get(&pin.package).is_some_and(|versions| versions.len() > 1)
        };
        self.missing(lockfile).is_some() || self.plan.pins.iter().any(unclear)
    }

    /// The first pin that is not held, with what is there instead.
    fn missing(&self, lockfile: &str) -> Option<(&Pin, String)> {
        let kind = self.plan.manager.kind;
        let held = held::read(kind, lockfile).unwrap_or_default();
        if matches!(kind, Kind::YarnClassic | Kind::YarnBerry)
            && let Some((key, version)) =
                yarn::strays(self.before, lockfile, &self.plan.pins).into_iter().next()
        {
            let pin = self.plan.pins.iter().find(|pin| pin.version == version)?;
            return Some((pin, format!("another version for {key}")));
        }
        self.plan.pins.iter().find_map(|pin| {
            // What is not installed any more needs no pin.
            let versions = held.get(&pin.package)?;
            if !versions.contains(&pin.version) {
                return versions.last().map(|found| (pin, found.clone()));
            }
            let root = self.plan.manifests.get(MANIFEST)?;
            let ranges = pin::declarations(root, pin);
            let found = ranges.iter().map(|range| held::declared(kind, lockfile, &pin.package, range));
            let wrong = found.flatten().find(|version| *version != pin.version);
            wrong.map(|version| (pin, version))
        })
    }

    /// npm: exact versions where they are declared, overrides elsewhere, then
    /// the manifests as they are to be.
    async fn pin_npm(&self, led: &str, root: &str) -> Result<Output, Stop> {
        let pins = &self.plan.pins;
        self.write_exact().await?;
        let exact = pin::exact(root, pins).unwrap_or_else(|| root.to_owned());
        let old = self.plan.manager.major().is_some_and(|major| major < 8);
        let pinned = if old { pin::with_direct(&exact, pins) } else { pin::with_npm_overrides(&exact, pins) };
        self.write_root(&pinned.unwrap_or(exact)).await?;
        let lockfile = pin::without(led, pins).ok_or_else(|| edit_failed("read the lockfile"))?;
        self.write_lockfile(&lockfile).await?;
        self.lock().await?;
        self.write_final(root).await?;
        self.lock().await
    }

    /// pnpm: the same, with overrides where its version reads them.
    async fn pin_pnpm(&self, led: &str, root: &str) -> Result<Output, Stop> {
        let exec = self.hand.exec;
        self.write_exact().await?;
        let exact = pin::exact(root, &self.plan.pins).unwrap_or_else(|| root.to_owned());
        let indirect: Vec<Pin> =
            self.plan.pins.iter().filter(|pin| pin::declarations(root, pin).is_empty()).cloned().collect();
        let workspace = match self.plan.manifests.get(WORKSPACE) {
            Some(text) => Some(text.clone().into_bytes()),
            None => exec.read(WORKSPACE, MANIFEST_CAP).await?,
        };
        let major = self.plan.manager.major().unwrap_or(10);
        let in_yaml = !indirect.is_empty() && major >= 10 && (major >= 11 || workspace.is_some());
        if in_yaml {
            let yaml = String::from_utf8_lossy(workspace.as_deref().unwrap_or_default()).into_owned();
            exec.write(WORKSPACE, pin::with_workspace_overrides(&yaml, &indirect).as_bytes()).await?;
            self.write_root(&exact).await?;
        } else if indirect.is_empty() {
            self.write_root(&exact).await?;
        } else {
            let pinned = pin::with_pnpm_overrides(&exact, &indirect);
            self.write_root(&pinned.unwrap_or(exact)).await?;
        }
        self.write_lockfile(led).await?;
        self.lock().await?;
        match (in_yaml, workspace) {
            (true, Some(bytes)) => exec.write(WORKSPACE, &bytes).await?,
            (true, None) => self.remove(WORKSPACE).await?,
            (false, _) => {}
        }
        self.write_final(root).await?;
        self.lock().await
    }

    async fn remove(&self, path: &str) -> Result<(), Failure> {
        let script = "require('fs').rmSync(process.argv[1])";
        let output = self.hand.exec.run(Command::new(["node", "-e", script, path])).await?;
        if output.success() { Ok(()) } else { Err(Failure::bug(format!("remove the temporary {path}"))) }
    }

    /// yarn 1: an alias of each pin brings an entry of that version, which
    /// then stands for the declarations too.
    async fn pin_yarn_classic(&self, root: &str) -> Result<Output, Stop> {
        let pins = &self.plan.pins;
        let aliased = pin::with_aliases(root, pins).ok_or_else(|| edit_failed("read package.json"))?;
        self.write_root(&aliased).await?;
        self.lock().await?;
        let moved = yarn::move_strays(self.before, &self.lockfile().await?, pins);
        self.write_lockfile(&moved).await?;
        self.write_final(root).await?;
        self.lock().await
    }

    /// yarn 2 and newer can be told.
    async fn pin_yarn_berry(&self) -> Result<Output, Stop> {
        for (descriptor, version) in yarn::strays(self.before, &self.lockfile().await?, &self.plan.pins) {
            let words = ["set", "resolution", &descriptor, &format!("npm:{version}")];
            self.ask(words.map(str::to_owned).to_vec()).await?;
        }
        self.lock().await
    }

    /// The changed manifests below the root, with exact versions.
    async fn write_exact(&self) -> Result<(), Failure> {
        for (path, text) in &self.plan.manifests {
            if path.ends_with("/package.json")
                && let Some(exact) = pin::exact(text, &self.plan.pins)
            {
                self.hand.exec.write(path, exact.as_bytes()).await?;
            }
        }
        Ok(())
    }

    async fn write_root(&self, text: &str) -> Result<(), Failure> {
        self.hand.exec.write(MANIFEST, text.as_bytes()).await
    }

    async fn write_final(&self, root: &str) -> Result<(), Failure> {
        self.write_root(root).await?;
        self.write_manifests().await
    }

    /// Puts the lockfile's own form back.
    async fn settle(&self, form: &addresses::Form) -> Result<(), Failure> {
        let written = self.lockfile().await?;
        let json = self.plan.manager.kind == Kind::Npm;
        let settled = form::keep(self.before, &form.put_back(&written), json);
        if settled == written { Ok(()) } else { self.write_lockfile(&settled).await }
    }

    /// Installs what was written. npm now and then writes a lockfile that it
    /// then refuses; a second relock mends that.
    async fn prove(&self, form: &addresses::Form) -> Result<(), Stop> {
        let output = self.hand.install_frozen().await?;
        if output.success() {
            return Ok(());
        }
        if self.plan.manager.kind != Kind::Npm || output.exit == Exit::TimedOut {
            return Err(stopped(self.plan, &output).into());
        }
        let (led, again) = if self.plan.manager.takes_addresses_as_written() {
            addresses::lead_here(Kind::Npm, &self.lockfile().await?)
        } else {
            (self.lockfile().await?, form.clone())
        };
        self.write_lockfile(&led).await?;
        self.lock().await?;
        self.settle(&again).await?;
        let output = self.hand.install_frozen().await?;
        if output.success() { Ok(()) } else { Err(stopped(self.plan, &output).into()) }
    }

    /// What the lockfile is in the end, against what was planned and against
    /// what it was.
    async fn check(&self) -> Result<Vec<String>, Failure> {
        let kind = self.plan.manager.kind;
        let name = self.plan.manager.name();
        let after = self.lockfile().await?;
        if let Some((pin, found)) = self.missing(&after) {
            return Err(edit_failed(format!(
                "lock {} to {}: {name} chose {found}",
                pin.package, pin.version
            )));
        }
        if after.contains("//127.0.0.1") || after.contains("%2F%2F127.0.0.1") {
            return Err(Failure::bug("keep the gateway's address out of the lockfile"));
        }
        let format = |text: &str| npm_format(text).or_else(|| yaml_format(text));
        if format(self.before) != format(&after) {
            return Err(edit_failed(format!("keep the lockfile's format: {name} wrote another one")));
        }
        let read = |text: &str| {
            held::read(kind, text).map_err(|why| edit_failed(format!("read the lockfile: {why}")))
        };
        let (before, after) = (read(self.before)?, read(&after)?);
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        Ok(names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect())
    }
}

/// The number of an npm lockfile's format.
fn npm_format(text: &str) -> Option<String> {
    let (_, after) = text.split_once("\"lockfileVersion\":")?;
    Some(after.trim_start().chars().take_while(char::is_ascii_digit).collect())
}

/// The line that tells the format of the other lockfiles.
fn yaml_format(text: &str) -> Option<String> {
    let lines = text.lines().map(str::trim);
    lines
        .into_iter()
        .find(|line| line.starts_with("lockfileVersion:") || line.starts_with("version:"))
        .map(str::to_owned)
}
