//! The base's own tests against the changed code: a change may edit a test,
//! but what the test said before must still hold where it can still be run.

use super::bench::{Checked, Look};
use super::examine::Examiner;
use crate::evidence::{ChangeKind, Run, Verified};
use crate::failure::Failure;
use crate::ids::ObjectId;
use crate::integrity::{self, BaseTests};
use crate::verify::Plan;

impl Examiner<'_> {
    /// Runs the tests with the files of them that the change touched as they
    /// are on the base, in a container of its own. `None` when the change
    /// touched none, or the repository has no tests.
    pub(super) async fn base_tests(&self, verified: &Verified) -> Result<Option<BaseTests>, Failure> {
        let Some(plan) = self.case.checks.tests() else { return Ok(None) };
        let touched = self.touched_tests(verified).await?;
        if touched.is_empty() {
            return Ok(None);
        }
        let head = verified.patch().tree();
        let mut overlay = self.overlay(head, &touched, &plan).await?;
        let mut files = touched.clone();
        if let Some(left) = integrity::still_compiling(&touched, &overlay) {
            overlay = self.overlay(head, &left, &plan).await?;
            files = left;
        }
        let head = Run { checks: verified.checks().to_vec(), flaky: verified.delta().flaky.clone() };
        let seen = integrity::base_tests(&files, self.baseline.run(), &head, &overlay);
        Ok(Some(BaseTests { of: touched.len(), ..seen }))
    }

    async fn overlay(&self, head: &ObjectId, files: &[String], plan: &Plan) -> Result<Run, Failure> {
        let tree = self.case.mirror.overlay(head, &self.case.base.tree, files).await?;
        let role = format!("tests{}", tree.short());
        let look = Look { role: &role, tree: &tree, plan, base: Some(self.baseline) };
        Ok(match self.session.check_fresh(self.case, &look).await? {
            Checked::Ran { run, .. } => run,
            // A test directory of its own may have brought its own lockfile.
            Checked::NotInstalled(_) => Run::default(),
        })
    }

    /// Test files of the base that the change edited or deleted. What the
    /// engine itself had moved in them stays moved.
    async fn touched_tests(&self, verified: &Verified) -> Result<Vec<String>, Failure> {
        let (base, mirror) = (&self.case.base.tree, self.case.mirror);
        let mut touched = Vec::new();
        for file in verified.patch().files() {
            if file.kind == ChangeKind::Added || !integrity::serves_tests(&file.path) {
                continue;
            }
            let before = mirror.read(base, &file.path).await?;
            if before.is_some() && before == mirror.read(&self.tests, &file.path).await? {
                touched.push(file.path.clone());
            }
        }
        Ok(touched)
    }
}
