//! From the request to a bumped tree: checkout, resolve, baseline, bump.

use super::bench::{Bench, Checked};
use super::stage::Done;
use super::{Case, Session};
use crate::bump::{self, Inputs, Plan};
use crate::change::{Bump, ChangeType, Resolved, Subject};
use crate::evidence::{Patch, Verdict};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::record::{SessionEvent, Stage};
use crate::verify::{self, Baseline};
use crate::workspace::{Mirror, Source, Want};

/// Lockfiles of package managers that are not driven yet.
const FOREIGN_LOCKFILES: [&str; 5] =
    ["yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb", "npm-shrinkwrap.json"];

impl Session<'_> {
    /// Brings the repository's mirror up to date and fixes the base commit,
    /// or takes the one that an earlier run fixed.
    pub(super) async fn checkout(&self) -> Result<Mirror, Failure> {
        self.stage(Stage::Checkout, async {
            let mirror = self.mirror().await?;
            let base = mirror.base();
            let detail = format!("{} at {}", base.branch, base.commit.short());
            if self.progress.base.is_none() {
                self.recorder.record(SessionEvent::Checkout { base: base.clone() }).await?;
            }
            Ok(Done::ok(mirror, detail))
        })
        .await
    }

    pub(super) async fn mirror(&self) -> Result<Mirror, Failure> {
        let source = match (&self.request.subject, &self.rooms.github) {
            (Subject::Issue { repo, installation, .. }, Some(github)) => Source::Remote {
                url: github.clone_url(repo),
                token: Some(github.read_token(*installation, repo).await?),
            },
            (Subject::Local { path }, _) => Source::Local { path: path.into() },
            (Subject::Issue { .. }, None) => return Err(Failure::bug("fetch without the [github] settings")),
        };
        let want = match &self.progress.base {
            Some(base) => Want::Commit(base.clone()),
            None => Want::DefaultBranch,
        };
        self.rooms.workspace.fetch(&self.request.subject.repository(), &source, want).await
    }

    /// Finds the declaration in the manifest and the version in the registry.
    pub(super) async fn resolve(&self, mirror: &Mirror, asked: &Bump) -> Result<Plan, Failure> {
        self.stage(Stage::Resolve, async {
            let declared = bump::inspect(&inputs(mirror).await?, asked)?;
            let registry = self.rooms.registry(self.id, self.fence).await?;
            let packument = registry.packument(&asked.package).await?;
            let plan = bump::resolve(&declared, asked, &packument)?;
            if self.progress.resolved.is_none() {
                self.recorder.record(SessionEvent::Resolved { resolved: plan.resolved.clone() }).await?;
            }
            let detail = format!("{} {} → {}", asked.package, plan.resolved.from, plan.resolved.to);
            Ok(Done::ok(plan, detail))
        })
        .await
    }

    /// What stays the same until the verdict: the checks that the base
    /// defines, and the image that they run in.
    pub(super) async fn case<'c>(
        &self,
        mirror: &'c Mirror,
        change: &'c ChangeType,
        resolved: &'c Resolved,
    ) -> Result<Case<'c>, Failure> {
        let base = mirror.base().clone();
        let manifest = mirror.read(&base.tree, "package.json").await?;
        let nvmrc = mirror.read(&base.tree, ".nvmrc").await?;
        let image = self.rooms.images.choose(nvmrc.as_deref(), manifest.as_deref());
        let paths = mirror.list(&base.tree).await?;
        let checks = verify::plan(&verify::Files { manifest, paths })?;
        Ok(Case { mirror, base, change, resolved, checks, image })
    }

    /// Runs the checks on the untouched base: what fails here is not the
    /// change's fault, and what cannot run here can prove nothing.
    pub(super) async fn baseline(&self, case: &Case<'_>) -> Result<Baseline, Failure> {
        self.stage(Stage::Baseline, async {
            match self.check_fresh(case, "base", &case.base.tree).await? {
                Checked::Results(results) => match verify::baseline(&results) {
                    Ok(baseline) => Ok(Done::ok(baseline, verify::headline(&results))),
                    Err(verdict) => Err(refuse_baseline(&verdict)),
                },
                Checked::NotInstalled(digest) => Err(Failure::user(
                    Outcome::BaselineBroken,
                    format!("install the dependencies of the untouched base:\n{digest}"),
                )),
            }
        })
        .await
    }

    /// Edits manifest and lockfile in the work container and takes the tree
    /// out.
    pub(super) async fn bump(&self, case: &Case<'_>, plan: &Plan, bench: &Bench) -> Result<Patch, Failure> {
        self.stage(Stage::Bump, async {
            let edit = bump::apply(&bench.container, plan, &self.recorder);
            self.with_door(bench, edit).await?;
            let patch = self.take(case, bench, 0).await?;
            let paths: Vec<&str> = patch.files().iter().map(|file| file.path.as_str()).collect();
            let detail = paths.join(", ");
            Ok(Done::ok(patch, detail))
        })
        .await
    }

    /// Takes the tree out of the work container through the validating
    /// reader.
    pub(super) async fn take(&self, case: &Case<'_>, bench: &Bench, attempt: u32) -> Result<Patch, Failure> {
        let export = bench.container.take_changes().await?;
        let patch = case.mirror.take(export, &case.change.may_touch).await?;
        self.recorder
            .record(SessionEvent::Patch {
                attempt,
                tree: patch.tree().to_string(),
                files: patch.files().to_vec(),
                diff: patch.diff().to_owned(),
            })
            .await?;
        Ok(patch)
    }
}

async fn inputs(mirror: &Mirror) -> Result<Inputs, Failure> {
    let tree = &mirror.base().tree;
    let mut foreign_lockfiles = Vec::new();
    for name in FOREIGN_LOCKFILES {
        if mirror.read(tree, name).await?.is_some() {
            foreign_lockfiles.push(name.to_owned());
        }
    }
    Ok(Inputs {
        manifest: mirror.read(tree, "package.json").await?,
        lockfile: mirror.read(tree, "package-lock.json").await?,
        foreign_lockfiles,
    })
}

fn refuse_baseline(verdict: &Verdict) -> Failure {
    match verdict {
        Verdict::NothingRan => {
            Failure::user(Outcome::NothingToVerify, "find a check that ran anything on the untouched base")
        }
        other => Failure::user(
            Outcome::BaselineBroken,
            format!("pass the repository's own checks on the untouched base:\n{}", verify::digest(other)),
        ),
    }
}
