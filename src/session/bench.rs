//! A container with a tree in it and a door to the package registry.

use super::watch::Watch;
use super::{Case, Session};
use crate::evidence::Run;
use crate::exec::Within;
use crate::failure::Failure;
use crate::ids::ObjectId;
use crate::record::SessionEvent;
use crate::registry::{Ages, Door};
use crate::sandbox::{Container, Spec};
use crate::verify::{self, Baseline};

/// One container of the session. Closed by [`Bench::close`] on every way out;
/// the reaper removes what a dying process left.
pub(super) struct Bench {
    pub(super) container: Container,
    /// The tree that it was given.
    pub(super) start: ObjectId,
    door: Door,
}

/// One tree to check.
pub(super) struct Look<'a> {
    /// Of the container, for people who look at the engine.
    pub(super) role: &'a str,
    pub(super) tree: &'a ObjectId,
    pub(super) plan: &'a verify::Plan,
    /// Tests that fail here and on the base are not run again.
    pub(super) base: Option<&'a Baseline>,
}

/// What the checks of one tree said.
pub(super) enum Checked {
    /// `sound` when no command was killed or ran out of time.
    Ran { run: Run, sound: bool },
    /// The dependencies could not be installed from the lockfile.
    NotInstalled(String),
}

impl Bench {
    pub(super) async fn close(self) -> Result<(), Failure> {
        self.door.close();
        self.container.remove().await
    }
}

impl Case<'_> {
    /// A security fix does not wait until a release has settled.
    fn ages(&self) -> Ages {
        if self.ask.advisories.is_empty() { Ages::Settled } else { Ages::All }
    }
}

impl Session<'_> {
    /// Starts a container for `role` and streams `tree` into it.
    pub(super) async fn bench(&self, case: &Case<'_>, role: &str, tree: &ObjectId) -> Result<Bench, Failure> {
        let name = format!("{}-{}-{role}", self.id, self.fence);
        let ecosystem = case.survey.image.runtime.ecosystem();
        let registry = self.registry(ecosystem).await?;
        let door = registry.door(self.rooms.run_dir.join(name), case.ages())?;
        let spec = Spec {
            session: self.id,
            fence: self.fence,
            role: role.to_owned(),
            image: case.survey.image.name.clone(),
            ecosystem,
            gateway: Some(door.dir().to_owned()),
            tree: case.mirror.size(tree).await?,
        };
        let container = self.rooms.sandbox.start(&spec).await?;
        let filled = container.put_tree(case.mirror.tar(tree)).await;
        let bench = Bench { container, start: tree.clone(), door };
        match filled {
            Ok(()) => Ok(bench),
            Err(failure) => {
                bench.close().await?;
                Err(failure)
            }
        }
    }

    /// Opens the door for as long as `work` takes, and logs what came in.
    pub(super) async fn with_door<T>(
        &self,
        bench: &Bench,
        work: impl Future<Output = Result<T, Failure>> + Send,
    ) -> Result<T, Failure> {
        bench.door.open();
        let result = work.await;
        bench.door.close();
        for artefact in bench.door.artefacts() {
            self.recorder
                .record(SessionEvent::Fetched {
                    url: artefact.url,
                    sha256: artefact.sha256,
                    bytes: artefact.bytes,
                    from_cache: artefact.from_cache,
                })
                .await?;
        }
        result
    }

    /// Installs the dependencies and runs the checks of a tree in a container
    /// that has seen nothing else; tests that fail there run again.
    pub(super) async fn check_fresh(&self, case: &Case<'_>, look: &Look<'_>) -> Result<Checked, Failure> {
        let bench = self.bench(case, look.role, look.tree).await?;
        let result = Box::pin(self.check_on(case, look, &bench)).await;
        let closed = bench.close().await;
        let checked = result?;
        closed.map(|()| checked)
    }

    async fn check_on(&self, case: &Case<'_>, look: &Look<'_>, bench: &Bench) -> Result<Checked, Failure> {
        let exec = &Within::new(&bench.container, &case.survey.repository.project.root);
        let install = verify::install(exec, look.plan, &self.recorder);
        if let verify::Installed::Failed(digest) = self.with_door(bench, install).await? {
            // It says nothing about the tree.
            if let Some(trouble) = bench.door.trouble() {
                return Err(trouble);
            }
            return Ok(Checked::NotInstalled(digest));
        }
        verify::rebuild(exec, look.plan, &self.recorder).await?;
        let watch = Watch::new(exec);
        let results = verify::check(&watch, look.plan, &self.recorder).await?;
        let run = verify::settle(&watch, look.plan, results, look.base, &self.recorder).await?;
        Ok(Checked::Ran { run, sound: watch.is_sound() })
    }
}
