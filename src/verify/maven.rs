//! Verification of a Maven repository: one build from a clean tree.
//!
//! The store is warmed by a real build that compiles the tests and starts
//! their runner, but runs none of them: Maven's own commands for this miss
//! what a runner loads. Then the door is shut, everything built is removed,
//! and the build that counts runs offline. A repository's `mvnw` is never
//! run, because it downloads a Maven of its own; the image's is taken.
//!
//! Warming runs the plugins, extensions and annotation processors that the
//! poms name while the door is open. This is by design: only a build knows
//! what a build needs. The door leads to the operator's registry alone.

mod log;
mod surefire;

use std::collections::BTreeSet;
use std::time::Duration;

use super::{CHECK_TIMEOUT, Files, Installed};
use crate::evidence::CheckResult;
use crate::exec::{Command, Exec, Output, run_recorded};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::record::Recorder;
use crate::text;
use log::{Kind, Log};

/// The first build fetches as well.
const WARMING_TIMEOUT: Duration = Duration::from_secs(900);
/// Bytes of Maven's output that are read.
const OUTPUT_CAP: usize = 8 * 1024 * 1024;
/// Bytes of all test reports, without the properties in them.
const REPORTS_CAP: usize = 64 * 1024 * 1024;
/// Bytes of Maven's words about a failed resolution.
const SAID: usize = 1200;
/// No test has this name.
const NO_TEST: &str = "*#noTestOfThisNameExists";

/// How a Maven repository is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Build {
    /// Where modules put what they build; nothing tracked lies below these.
    targets: Vec<String>,
}

impl Build {
    /// The build of a repository with a pom at its root.
    pub(super) fn find(files: &Files) -> Result<Self, Failure> {
        if !files.paths.iter().any(|path| path == "pom.xml") {
            return Err(Failure::user(Outcome::NothingToVerify, "find a pom.xml at the repository's root"));
        }
        let dirs: BTreeSet<&str> =
            files.paths.iter().filter_map(|path| path.strip_suffix("pom.xml")).collect();
        let targets = dirs
            .into_iter()
            .filter(|dir| dir.is_empty() || dir.ends_with('/'))
            .map(|dir| format!("{dir}target/"))
            .filter(|target| !files.paths.iter().any(|path| path.starts_with(target.as_str())))
            .map(|target| target.trim_end_matches('/').to_owned())
            .collect();
        Ok(Self { targets })
    }

    /// Fills the store, with the door open.
    pub(super) async fn install(&self, exec: &dyn Exec, recorder: &Recorder) -> Result<Installed, Failure> {
        self.clean(exec, recorder).await?;
        let output = run_recorded(exec, "verify", warming(), recorder).await?;
        if output.success() {
            return Ok(Installed::Ok);
        }
        // Code that does not compile is for the checks to find.
        match log::unresolved(&said(&output)) {
            Some(what) => Ok(Installed::Failed(text::head(&format!("mvn verify:\n{what}"), SAID))),
            None if matches!(output.exit, crate::exec::Exit::Code(_)) => Ok(Installed::Ok),
            None => Ok(Installed::Failed(format!("mvn verify: {}", output.exit.describe()))),
        }
    }

    /// Builds and tests, with the door shut.
    pub(super) async fn check(
        &self,
        exec: &dyn Exec,
        recorder: &Recorder,
    ) -> Result<Vec<CheckResult>, Failure> {
        self.clean(exec, recorder).await?;
        let output = run_recorded(exec, "verify", building(), recorder).await?;
        let reports = exec.run(reading()).await?;
        let tests = surefire::read(&reports.stdout_text());
        Ok(results(&output, &tests))
    }

    /// Without it the compiler finds nothing to do after a dependency changed.
    async fn clean(&self, exec: &dyn Exec, recorder: &Recorder) -> Result<(), Failure> {
        let words = ["rm", "-rf", "--"].into_iter().map(str::to_owned).chain(self.targets.iter().cloned());
        run_recorded(exec, "verify", Command::new(words), recorder).await?;
        Ok(())
    }
}

fn mvn(words: &[&str]) -> Command {
    let fixed = ["mvn", "-B", "-ntp", "-Dstyle.color=never", "-fae"];
    let mut command = Command::new(fixed.iter().chain(words).copied()).timeout(CHECK_TIMEOUT);
    command.output_cap = OUTPUT_CAP;
    command
}

fn warming() -> Command {
    let (test, it_test) = (format!("-Dtest={NO_TEST}"), format!("-Dit.test={NO_TEST}"));
    mvn(&[
        "verify",
        &test,
        &it_test,
        "-DfailIfNoTests=false",
        "-DfailIfNoSpecifiedTests=false",
        "-Dsurefire.failIfNoSpecifiedTests=false",
        "-Dit.failIfNoSpecifiedTests=false",
        "-Dfailsafe.failIfNoSpecifiedTests=false",
        "-Dmaven.test.failure.ignore=true",
    ])
    .timeout(WARMING_TIMEOUT)
}

fn building() -> Command {
    mvn(&["-o", "verify"])
}

/// All reports one after another, without the properties of the machine.
fn reading() -> Command {
    let words = [
        "find",
        ".",
        "-path",
        "*/target/*-reports/TEST-*.xml",
        "-type",
        "f",
        "-exec",
        "sed",
        "-e",
        r"/<property .*\/>/d",
        "{}",
        "+",
    ];
    let mut command = Command::new(words);
    command.output_cap = REPORTS_CAP;
    command
}

fn said(output: &Output) -> String {
    text::plain(&format!("{}\n{}", output.stdout_text(), output.stderr_text()))
}

/// One build seen as the checks that it is made of.
fn results(output: &Output, tests: &surefire::Tests) -> Vec<CheckResult> {
    let said = said(output);
    let log = Log::read(&said);
    let (built, policed) = (!log.failed(Kind::Build), !log.failed(Kind::Lint));
    let succeeded = output.success();
    // A failure that names no goal, such as a pom that cannot be read, or a
    // build that was killed, is the build's.
    let unexplained = !succeeded && built && policed && !log.failed(Kind::Test);
    let result = |check: &str, command: &str, passed: bool| CheckResult {
        check: check.to_owned(),
        command: command.to_owned(),
        passed,
        tests_passed: None,
        failing: Vec::new(),
        digest: String::new(),
        duration_ms: u64::try_from(output.duration.as_millis()).unwrap_or(u64::MAX),
        ..CheckResult::default()
    };
    let mut results = vec![result("build", "mvn test-compile", built && !unexplained)];
    if log.ran(Kind::Lint) {
        results.push(result("lint", "mvn verify (policy plugins)", policed));
    }
    let ran = u32::try_from(tests.failing.len()).unwrap_or(u32::MAX).saturating_add(tests.passed) > 0;
    if ran || log.failed(Kind::Test) {
        let passed = !log.failed(Kind::Test) && tests.failing.is_empty() && built && !unexplained;
        results.push(CheckResult {
            tests_passed: Some(tests.passed),
            failing: tests.failing.iter().cloned().collect(),
            ..result("test", "mvn verify", passed)
        });
    }
    // The whole story stands once, at the first check that failed.
    if let Some(first) = results.iter_mut().find(|result| !result.passed) {
        first.digest = format!("{}\n{}", output.exit.describe(), log.digest());
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Exit;

    fn output(code: i32, said: &str) -> Output {
        Output {
            exit: Exit::Code(code),
            stdout: said.as_bytes().to_vec(),
            stderr: Vec::new(),
            truncated: false,
            duration: Duration::ZERO,
        }
    }

    fn shown(code: i32, said: &str, passed: u32, failing: &[&str]) -> Vec<String> {
        let failing = failing.iter().map(|name| (*name).to_owned()).collect();
        results(&output(code, said), &surefire::Tests { passed, failing })
            .iter()
            .map(|result| format!("{} {} {:?}", result.check, result.passed, result.tests_passed))
            .collect()
    }

    fn failed(goal: &str) -> String {
        format!(
            "[INFO] --- enforcer:3.5.0:enforce (e) @ a ---\n[ERROR] Failed to execute goal {goal} (default) on project a: no\n"
        )
    }

    #[test]
    fn one_build_is_several_checks() {
        let surefire = failed("org.apache.maven.plugins:maven-surefire-plugin:2.22.3:test");
        let compiler = failed("org.apache.maven.plugins:maven-compiler-plugin:3.13.0:compile");
        let enforcer = failed("org.apache.maven.plugins:maven-enforcer-plugin:3.5.0:enforce");
        for (code, said, passed, failing, expected) in [
            (0, "", 3, vec![], vec!["build true None", "test true Some(3)"]),
            (0, "", 0, vec![], vec!["build true None"]),
            (1, &*surefire, 2, vec!["A.b"], vec!["build true None", "lint true None", "test false Some(2)"]),
            (1, &compiler, 0, vec![], vec!["build false None", "lint true None"]),
            (1, &compiler, 2, vec![], vec!["build false None", "lint true None", "test false Some(2)"]),
            (1, &enforcer, 0, vec![], vec!["build true None", "lint false None"]),
            (1, "[ERROR] The build could not read 1 project", 0, vec![], vec!["build false None"]),
        ] {
            assert_eq!(shown(code, said, passed, &failing), expected, "{said}");
        }
    }

    #[test]
    fn only_what_was_built_is_removed() {
        let paths = ["pom.xml", "a/pom.xml", "b/pom.xml", "b/target/kept.txt", "docs/my-pom.xml"];
        let files = Files { paths: paths.map(str::to_owned).to_vec(), ..Files::default() };
        assert_eq!(Build::find(&files).unwrap().targets, ["target", "a/target"]);
        let none = Files { paths: vec!["a/pom.xml".into()], ..Files::default() };
        assert_eq!(Build::find(&none).unwrap_err().outcome(), Outcome::NothingToVerify);
    }
}
