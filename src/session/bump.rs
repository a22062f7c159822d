//! From the request to a bumped tree: checkout, resolve, baseline, bump.

use tokio::sync::Mutex;

use super::bench::Bench;
use super::image::Image;
use super::stage::Done;
use super::{Case, Session};
use crate::bump::edit::Texts;
use crate::bump::{self, Ask, Kept, Plan, Repository, survey};
use crate::change::{Base, ChangeType, Ecosystem, Resolved, Step, Subject};
use crate::evidence::Patch;
use crate::exec::Within;
use crate::failure::Failure;
use crate::ids::ObjectId;
use crate::manager::Manager;
use crate::outcome::Outcome;
use crate::record::{SessionEvent, Stage};
use crate::verify;
use crate::workspace::{Mirror, Source, Want};

/// A project of the base tree, and where its commands run.
pub(super) struct Survey {
    pub(super) repository: Repository,
    pub(super) image: Image,
}

/// A bumped tree, not verified yet.
pub(super) struct Bumped {
    pub(super) patch: Patch,
    /// As it came out: peers may have moved along.
    pub(super) resolved: Resolved,
    /// What the agent must leave as it is.
    pub(super) kept: Kept,
}

impl Session<'_> {
    /// Brings the repository's mirror up to date and fixes the base commit,
    /// or takes the one that an earlier run fixed, or `at`.
    pub(super) async fn checkout(&self, at: Option<Base>) -> Result<Mirror, Failure> {
        self.stage(Stage::Checkout, async {
            let mirror = self.mirror(at).await?;
            let base = mirror.base();
            let detail = format!("{} at {}", base.branch, base.commit.short());
            if self.progress.base.is_none() {
                self.recorder.record(SessionEvent::Checkout { base: base.clone() }).await?;
            }
            self.configure(&mirror).await?;
            self.admit().await?;
            Ok(Done::ok(mirror, detail))
        })
        .await
    }

    pub(super) async fn mirror(&self, at: Option<Base>) -> Result<Mirror, Failure> {
        let source = self.source().await?;
        let want = match self.progress.base.clone().or(at) {
            Some(base) => Want::Commit(base),
            None => Want::DefaultBranch,
        };
        self.rooms.workspace.fetch(&self.request.subject.repository(), &source, want).await
    }

    /// Where the repository is fetched from.
    pub(super) async fn source(&self) -> Result<Source, Failure> {
        Ok(match (&self.request.subject, self.request.subject.on_github(), &self.rooms.github) {
            (Subject::Local { path }, ..) => Source::Local { path: path.into() },
            (_, Some(repo), Some(github)) => Source::Remote {
                url: github.clone_url(&repo.name),
                token: Some(github.read_token(&repo).await?),
            },
            _ => return Err(Failure::bug("fetch without the [github] settings")),
        })
    }

    /// The project that the request is about, and the image that it runs in.
    pub(super) async fn survey(&self, mirror: &Mirror, ask: &Ask) -> Result<Survey, Failure> {
        let tree = &mirror.base().tree;
        let all = mirror.list(tree).await?;
        let project = survey::project(&all, ask)?;
        let read = texts(mirror, tree, survey::reads(&project, &all)).await?;
        let (files, asking) = survey::split(&project, read);
        let image = self.rooms.images.choose(project.ecosystem, &asking);
        let image = self.settings()?.image(self.rooms, project.ecosystem, image);
        let paths = all.iter().filter_map(|path| survey::within(&project.root, path)).map(str::to_owned);
        let paths = paths.collect();
        Ok(Survey { repository: Repository { project, files, paths }, image })
    }

    /// Decides on the version and the way to it.
    pub(super) async fn resolve(&self, survey: &Survey, ask: &Ask) -> Result<Plan, Failure> {
        self.stage(Stage::Resolve, async {
            let plan = self.plan(survey, ask).await?;
            let resolved = plan.resolved().clone();
            let detail = resolve_detail(&resolved);
            // A later run may decide otherwise: what it decides is published.
            if self.progress.resolved.as_ref() != Some(&resolved) {
                self.recorder.record(SessionEvent::Resolved { resolved }).await?;
            }
            Ok(Done::ok(plan, detail))
        })
        .await
    }

    pub(super) async fn plan(&self, survey: &Survey, ask: &Ask) -> Result<Plan, Failure> {
        let ecosystem = survey.repository.project.ecosystem;
        let registry = self.registry(ecosystem).await?;
        bump::plan(&survey.repository, ask, &survey.image.runtime, &registry).await
    }

    /// What stays the same until the verdict: the checks that the base
    /// defines, and the image that they run in.
    pub(super) async fn case<'c>(
        &self,
        mirror: &'c Mirror,
        change: &'c ChangeType,
        survey: &'c Survey,
        ask: Ask,
    ) -> Result<Case<'c>, Failure> {
        let repository = &survey.repository;
        let declared = self.settings()?.declared();
        let checks = match repository.project.ecosystem {
            Ecosystem::Npm => verify::plan(&checks_of(repository, repository.manager()?, declared))?,
            Ecosystem::Maven => verify::plan_maven(&checks_of(repository, Manager::default(), declared))?,
        };
        let base = mirror.base().clone();
        Ok(Case { mirror, base, change, survey, ask, left: Vec::new(), checks, seen: Mutex::default() })
    }

    /// Edits manifest and lockfile in the work container and takes the tree
    /// out.
    pub(super) async fn bump(&self, case: &Case<'_>, plan: &Plan, bench: &Bench) -> Result<Bumped, Failure> {
        self.stage(Stage::Bump, async {
            let bumped = self.bring_about(case, plan, bench).await?;
            if bumped.resolved != *plan.resolved() {
                self.recorder.record(SessionEvent::Resolved { resolved: bumped.resolved.clone() }).await?;
            }
            let paths: Vec<&str> = bumped.patch.files().iter().map(|file| file.path.as_str()).collect();
            let detail = paths.join(", ");
            Ok(Done::ok(bumped, detail))
        })
        .await
    }

    /// Applies a plan and takes the tree out, without a row in the comment.
    pub(super) async fn bring_about(
        &self,
        case: &Case<'_>,
        plan: &Plan,
        bench: &Bench,
    ) -> Result<Bumped, Failure> {
        let repository = &case.survey.repository;
        let registry = self.registry(repository.project.ecosystem).await?;
        let work = bump::Work {
            exec: &Within::new(&bench.container, &repository.project.root),
            packages: &registry,
            recorder: &self.recorder,
            repository,
            ask: &case.ask,
            runtime: &case.survey.image.runtime,
        };
        let applied = self.with_door(bench, bump::apply(&work, plan)).await?;
        for proof in &applied.proofs {
            self.recorder.record(SessionEvent::Proved { proof: proof.clone() }).await?;
        }
        let patch = self.take(case, bench, 0).await?;
        if patch.files().is_empty() {
            return Err(Failure::user(
                Outcome::AlreadyCurrent,
                format!("change anything for {}", plan.resolved().package),
            ));
        }
        self.settings()?.keep_paths(patch.files())?;
        let kept = case.kept(patch.tree()).await?;
        Ok(Bumped { patch, resolved: applied.resolved, kept })
    }

    /// Takes the tree out of the work container through the validating
    /// reader.
    pub(super) async fn take(&self, case: &Case<'_>, bench: &Bench, attempt: u32) -> Result<Patch, Failure> {
        let export = bench.container.take_changes().await?;
        let patch = case.mirror.take(&bench.start, export, &case.change.may_touch).await?;
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

/// The texts of a tree by their paths in it. What is not text says nothing
/// here.
async fn texts(mirror: &Mirror, tree: &ObjectId, paths: Vec<String>) -> Result<Texts, Failure> {
    let mut texts = Texts::new();
    for path in paths {
        let bytes = mirror.read(tree, &path).await?;
        if let Some(text) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
            texts.insert(path, text);
        }
    }
    Ok(texts)
}

impl Session<'_> {
    /// Proves again that no vulnerable copy is left in a tree that the agent
    /// or a first move has changed since; says what is.
    pub(super) async fn left_vulnerable(
        &self,
        case: &Case<'_>,
        bench: &Bench,
        resolved: &Resolved,
        tree: &ObjectId,
    ) -> Result<Option<String>, Failure> {
        let advisories = &case.ask.advisories;
        if advisories.is_empty() {
            return Ok(None);
        }
        let repository = &case.survey.repository;
        let proofs = match repository.project.ecosystem {
            Ecosystem::Npm => {
                let files = case.files(tree).await?;
                bump::prove_lockfile(&repository.manager()?, &files, advisories)?
            }
            Ecosystem::Maven => {
                let exec = Within::new(&bench.container, &repository.project.root);
                let files = case.files(tree).await?;
                let proving = bump::prove_build(&exec, resolved, &files, advisories, &self.recorder);
                self.with_door(bench, proving).await?
            }
        };
        for proof in &proofs {
            self.recorder.record(SessionEvent::Proved { proof: proof.clone() }).await?;
        }
        Ok(bump::vulnerable_copies(&proofs))
    }
}

impl Case<'_> {
    /// The files of a tree that the bump room reads.
    async fn files(&self, tree: &ObjectId) -> Result<Texts, Failure> {
        let project = &self.survey.repository.project;
        let wanted = survey::wanted(project, &self.mirror.list(tree).await?);
        let (files, _) = survey::split(project, texts(self.mirror, tree, wanted).await?);
        Ok(files)
    }

    /// The versions and lockfiles in a tree.
    pub(super) async fn kept(&self, tree: &ObjectId) -> Result<Kept, Failure> {
        Ok(Kept::read(self.survey.repository.project.ecosystem, &self.files(tree).await?))
    }
}

fn checks_of(repository: &Repository, manager: Manager, declared: verify::Declared) -> verify::Files {
    let bytes = |path: &str| repository.files.get(path).map(|text| text.clone().into_bytes());
    let members = repository.files.iter().filter_map(|(path, text)| {
        Some((path.strip_suffix("/package.json")?.to_owned(), text.clone().into_bytes()))
    });
    verify::Files {
        manifest: bytes("package.json"),
        members: members.collect(),
        workspace: bytes("pnpm-workspace.yaml"),
        paths: repository.paths.clone(),
        manager,
        root: repository.project.root.clone(),
        declared,
    }
}

fn resolve_detail(resolved: &Resolved) -> String {
    let Resolved { package, from, to, step, others, .. } = resolved;
    let way = match step {
        Step::Direct => String::new(),
        step => format!(", by {}", step.name().replace('_', " ")),
    };
    let others: Vec<String> =
        others.iter().map(|moved| format!(", {} {} → {}", moved.package, moved.from, moved.to)).collect();
    format!("{package} {from} → {to}{way}{}", others.concat())
}
