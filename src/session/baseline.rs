//! The untouched base's checks: run once for a base, image and set of
//! commands, and looked up by every later session.

use super::bench::{Checked, Look};
use super::stage::Done;
use super::{Case, Session};
use crate::evidence::{Run, Verdict};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::record::{Origin, SessionEvent, Stage};
use crate::verify::{self, Baseline, Kept, Key};

impl Session<'_> {
    /// Runs the checks on the untouched base, or takes what another session
    /// saw: what fails here is not the change's fault.
    pub(super) async fn baseline(&self, case: &Case<'_>) -> Result<Baseline, Failure> {
        self.stage(Stage::Baseline, async {
            let key = self.baseline_key(case).await?;
            if let Some(Kept { run, origin }) = self.kept_baseline(key.as_ref()).await
                && let Ok(baseline) = verify::baseline(&run)
            {
                self.record_baseline(&run, Some(origin)).await?;
                return Ok(Done::ok(baseline, verify::headline(&run)));
            }
            let look = Look { role: "base", tree: &case.base.tree, plan: &case.checks, base: None };
            let (run, sound) = match self.check_fresh(case, &look).await? {
                Checked::Ran { run, sound } => (run, sound),
                Checked::NotInstalled(digest) => return Err(not_installed(&digest)),
            };
            self.record_baseline(&run, None).await?;
            let baseline = verify::baseline(&run).map_err(|verdict| refusal(&verdict))?;
            if let (Some(key), true) = (&key, sound) {
                self.keep_baseline(key, &run).await;
            }
            Ok(Done::ok(baseline, verify::headline(&run)))
        })
        .await
    }

    /// `None` where the engine cannot say which image a name stands for.
    async fn baseline_key(&self, case: &Case<'_>) -> Result<Option<Key>, Failure> {
        let image = self.rooms.sandbox.image_id(&case.survey.image.name).await?;
        let root = &case.survey.repository.project.root;
        Ok(image.map(|image| Key::of(&case.base.tree, &image, root, &case.checks)))
    }

    /// The store saves time; without it the base is run.
    async fn kept_baseline(&self, key: Option<&Key>) -> Option<Kept> {
        match self.rooms.baselines.find(key?).await {
            Ok(kept) => kept,
            Err(failure) => {
                tracing::warn!(session = %self.id, %failure, "a baseline may be run twice");
                None
            }
        }
    }

    async fn keep_baseline(&self, key: &Key, run: &Run) {
        if let Err(failure) = self.rooms.baselines.keep(key, self.id, run).await {
            tracing::warn!(session = %self.id, %failure, "a baseline will be run twice");
        }
    }

    async fn record_baseline(&self, run: &Run, cached: Option<Origin>) -> Result<(), Failure> {
        self.recorder.record(SessionEvent::Baseline { run: run.clone(), cached }).await
    }
}

fn not_installed(digest: &str) -> Failure {
    Failure::user(
        Outcome::BaselineBroken,
        format!("install the dependencies of the untouched base:\n{digest}"),
    )
}

fn refusal(verdict: &Verdict) -> Failure {
    match verdict {
        Verdict::NothingRan { reason } => Failure::user(
            Outcome::NothingToVerify,
            format!("find a check that proves anything about the untouched base: {reason}"),
        ),
        other => Failure::user(
            Outcome::BaselineBroken,
            format!("build the untouched base:\n{}", verify::digest(other)),
        ),
    }
}
