//! Failed tests once more.

use super::{Plan, check};
use crate::evidence::CheckResult;
use crate::exec::Exec;
use crate::failure::Failure;
use crate::record::Recorder;

/// Runs the checks of `failing` again. What comes back has the same names,
/// and of the tests in `failing` those that failed again.
///
/// # Errors
/// The container or the log fails.
pub async fn rerun(
    exec: &dyn Exec,
    plan: &Plan,
    failing: &[CheckResult],
    recorder: &Recorder,
) -> Result<Vec<CheckResult>, Failure> {
    let names: Vec<&str> = failing.iter().map(|result| result.check.as_str()).collect();
    let mut again = check(exec, &plan.only(&names), recorder).await?;
    again.retain(|result| names.contains(&result.check.as_str()));
    for result in &mut again {
        let Some(first) = failing.iter().find(|first| first.check == result.check) else { continue };
        // A run that is red and names nothing clears nobody.
        if !result.passed && result.failing.is_empty() {
            result.failing.clone_from(&first.failing);
        }
        result.failing.retain(|name| first.failing.contains(name));
    }
    Ok(again)
}
