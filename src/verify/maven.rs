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
mod policy;
mod surefire;

use std::collections::BTreeSet;
use std::time::Duration;

use super::digest::{Tool, quote, summarize};
use super::plan::{Check, CheckKind, Step};
use super::run::{Runs, with_environment};
use super::{CHECK_TIMEOUT, Files, Installed};
use crate::evidence::{CheckResult, TestFailure};
use crate::exec::{Command, Exec, Output, run_recorded};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::record::Recorder;
use crate::text;
use log::{Kind, Log};
use surefire::Tests;

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
/// The tests that were asked for need not be in every module.
const NOT_EVERYWHERE: [&str; 5] = [
    "-DfailIfNoTests=false",
    "-DfailIfNoSpecifiedTests=false",
    "-Dsurefire.failIfNoSpecifiedTests=false",
    "-Dit.failIfNoSpecifiedTests=false",
    "-Dfailsafe.failIfNoSpecifiedTests=false",
];
/// Words behind `mvn` of every build.
const FIXED: [&str; 4] = ["-B", "-ntp", "-Dstyle.color=never", "-fae"];
/// The checks that one build is.
const PARTS: [CheckKind; 3] = [CheckKind::Build, CheckKind::Lint, CheckKind::Test];

/// How a Maven repository is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Build {
    /// Where modules put what they build; nothing tracked lies below these.
    targets: Vec<String>,
    /// Where a class of a stack may come from.
    sources: Vec<String>,
    /// Where the project lies in the tree.
    root: String,
    /// The checks that the repository itself says how to run, or not to run.
    own: BTreeSet<CheckKind>,
    timeout: Duration,
}

/// A command line of the repository's own choice. Its wrapper would download
/// a Maven: the image's is taken, and works offline.
pub(super) fn declared(words: &[String]) -> Step {
    let argv = match words.split_first() {
        Some((program, rest)) if is_maven(program) => {
            let front = ["mvn", "-o"].into_iter().chain(FIXED).map(str::to_owned);
            front.chain(rest.iter().filter(|word| *word != "-o").cloned()).collect()
        }
        _ => words.to_vec(),
    };
    Step { argv, ..Step::default() }
}

fn is_maven(program: &str) -> bool {
    ["mvn", "mvnw", "./mvnw"].contains(&program)
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
        let is_source =
            |path: &&String| [".java", ".kt", ".groovy", ".scala"].iter().any(|end| path.ends_with(end));
        let own: BTreeSet<CheckKind> = files.declared.checks.keys().copied().collect();
        let left = PARTS.into_iter().filter(|kind| !own.contains(kind));
        let timeout = left.map(|kind| files.declared.timeout(kind)).max().unwrap_or(CHECK_TIMEOUT);
        let sources = files.paths.iter().filter(is_source).cloned().collect();
        Ok(Self { targets, sources, root: files.root.clone(), own, timeout })
    }

    /// Is there anything that the repository does not say itself?
    fn is_needed(&self) -> bool {
        PARTS.iter().any(|kind| !self.own.contains(kind))
    }

    /// Fills the store, with the door open.
    pub(super) async fn install(
        &self,
        exec: &dyn Exec,
        declared: &[Check],
        recorder: &Recorder,
    ) -> Result<Installed, Failure> {
        let mut builds = Vec::new();
        if self.is_needed() {
            builds.push(warming(&[]));
        }
        let steps = declared.iter().flat_map(|check| &check.steps);
        for step in steps.filter(|step| step.argv.first().is_some_and(|program| is_maven(program))) {
            let rest: Vec<&str> = step.argv.iter().skip(2 + FIXED.len()).map(String::as_str).collect();
            builds.push(warming(&rest));
        }
        for build in builds {
            self.clean(exec, recorder).await?;
            let output = run_recorded(exec, "verify", build, recorder).await?;
            if let Some(failed) = installed(&output) {
                return Ok(failed);
            }
        }
        Ok(Installed::Ok)
    }

    /// Builds and tests, with the door shut; then what the repository
    /// declares itself.
    pub(super) async fn check(&self, runs: &Runs<'_>) -> Result<Vec<CheckResult>, Failure> {
        let mut results = Vec::new();
        if self.is_needed() {
            self.clean(runs.exec, runs.recorder).await?;
            let words: &[&str] = if self.own.contains(&CheckKind::Test) { &["-DskipTests"] } else { &[] };
            let output = run_recorded(runs.exec, "verify", self.building(words), runs.recorder).await?;
            let reports = runs.exec.run(reading()).await?.stdout_text();
            let mut all = results_of(&output, &reports, self);
            // The whole story stands once, at the first check that failed.
            if let Some(first) = all.iter_mut().find(|result| !result.passed) {
                first.digest = story(runs.exec, &output).await?;
                first.said = said(&output);
            }
            results = self.left(&output, all);
        }
        for check in &runs.plan.checks {
            results.push(self.own_check(runs, check, &[]).await?);
        }
        Ok(results)
    }

    /// A check that the repository declares, with further words for Maven.
    async fn own_check(
        &self,
        runs: &Runs<'_>,
        check: &Check,
        further: &[String],
    ) -> Result<CheckResult, Failure> {
        if check.kind != CheckKind::Test {
            return runs.check(check).await;
        }
        self.forget(runs).await?;
        let mut check = check.clone();
        for step in &mut check.steps {
            if step.argv.first().is_some_and(|program| is_maven(program)) {
                step.argv.extend(further.iter().cloned());
            }
        }
        let result = runs.check(&check).await?;
        let reports = runs.exec.run(reading()).await?.stdout_text();
        let tests = surefire::read(&reports, &self.sources);
        Ok(if tests == Tests::default() { result } else { counted(result, &tests) })
    }

    /// The failed tests once more; `None` when they cannot be picked out.
    pub(super) async fn rerun(
        &self,
        runs: &Runs<'_>,
        failing: &[String],
    ) -> Result<Option<CheckResult>, Failure> {
        let Some(words) = selection(failing) else { return Ok(None) };
        if let Some(check) = runs.plan.checks.iter().find(|check| check.kind == CheckKind::Test) {
            return self.own_check(runs, check, &words).await.map(Some);
        }
        self.forget(runs).await?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = run_recorded(runs.exec, "verify", self.building(&words), runs.recorder).await?;
        let reports = runs.exec.run(reading()).await?.stdout_text();
        let tests = surefire::read(&reports, &self.sources);
        if tests == Tests::default() {
            return Ok(None);
        }
        let results = results_of(&output, &reports, self);
        Ok(results.into_iter().find(|result| result.check == CheckKind::Test.name()))
    }

    /// What is not the repository's own to say. When its build is, a build
    /// that fails takes the rest with it.
    fn left(&self, output: &Output, results: Vec<CheckResult>) -> Vec<CheckResult> {
        let (own, mut left): (Vec<CheckResult>, Vec<CheckResult>) =
            results.into_iter().partition(|result| self.own.iter().any(|kind| kind.name() == result.check));
        let broken = own.into_iter().find(|result| result.check == CheckKind::Build.name() && !result.passed);
        if let (false, Some(broken)) = (output.success(), broken) {
            for result in &mut left {
                result.passed = false;
                result.digest.clone_from(&broken.digest);
            }
        }
        left
    }

    /// Without it the compiler finds nothing to do after a dependency changed.
    async fn clean(&self, exec: &dyn Exec, recorder: &Recorder) -> Result<(), Failure> {
        let words = ["rm", "-rf", "--"].into_iter().map(str::to_owned).chain(self.targets.iter().cloned());
        run_recorded(exec, "verify", Command::new(words), recorder).await?;
        Ok(())
    }

    /// Removes the reports of earlier tests.
    async fn forget(&self, runs: &Runs<'_>) -> Result<(), Failure> {
        let words = ["find", ".", "-path", REPORTS, "-type", "f", "-delete"];
        runs.exec.run(Command::new(words)).await?;
        Ok(())
    }

    fn building(&self, words: &[&str]) -> Command {
        with_environment(mvn(&[&["-o", "verify"], words].concat()).timeout(self.timeout))
    }
}

/// What kept a build from being warmed, if anything did.
fn installed(output: &Output) -> Option<Installed> {
    if output.success() {
        return None;
    }
    // Code that does not compile is for the checks to find.
    match log::unresolved(&said(output)) {
        Some(what) => Some(Installed::Failed(text::head(&format!("mvn verify:\n{what}"), SAID))),
        None if matches!(output.exit, crate::exec::Exit::Code(_)) => None,
        None => Some(Installed::Failed(format!("mvn verify: {}", output.exit.describe()))),
    }
}

/// Options that pick tests out, of surefire and of failsafe: by the names of
/// their cases, without what a parameter adds to one.
fn selection(failing: &[String]) -> Option<Vec<String>> {
    let mut picked = BTreeSet::new();
    for name in failing {
        let name = name.split(['(', '[', '{', ' ']).next().unwrap_or(name);
        let (class, method) = name.rsplit_once('.').unwrap_or(("", name));
        let is_class = method.starts_with(|c: char| c.is_uppercase());
        let pick = if is_class { name.to_owned() } else { format!("{class}#{method}") };
        if !pick.chars().all(|c| c.is_alphanumeric() || "._$#".contains(c)) || pick.starts_with('#') {
            return None;
        }
        picked.insert(pick);
    }
    let list = picked.into_iter().collect::<Vec<_>>().join(",");
    let words = [format!("-Dtest={list}"), format!("-Dit.test={list}")].into_iter();
    (!list.is_empty()).then(|| words.chain(NOT_EVERYWHERE.map(str::to_owned)).collect())
}

fn mvn(words: &[&str]) -> Command {
    let mut command = Command::new(["mvn"].iter().chain(&FIXED).chain(words).copied()).timeout(CHECK_TIMEOUT);
    command.output_cap = OUTPUT_CAP;
    command
}

/// A build that runs no test; with the words of a declared one.
fn warming(declared: &[&str]) -> Command {
    let (test, it_test) = (format!("-Dtest={NO_TEST}"), format!("-Dit.test={NO_TEST}"));
    let what: &[&str] = if declared.is_empty() { &["verify"] } else { declared };
    let tests = [test.as_str(), &it_test, "-Dmaven.test.failure.ignore=true"];
    mvn(&[what, &tests, &NOT_EVERYWHERE].concat()).timeout(WARMING_TIMEOUT)
}

/// Where test reports lie.
const REPORTS: &str = "*/target/*-reports/TEST-*.xml";

/// All reports one after another, without the properties of the machine.
fn reading() -> Command {
    let places = policy::FILES.iter().flat_map(|place| ["-o", "-path", place]);
    let front = ["find", ".", "-type", "f", "(", "-path", REPORTS].into_iter();
    let sed = [")", "-exec", "sed", "-e", r"/<property .*\/>/d", "{}", "+"];
    let mut command = Command::new(front.chain(places).chain(sed));
    command.output_cap = REPORTS_CAP;
    command
}

fn said(output: &Output) -> String {
    text::plain(&format!("{}\n{}", output.stdout_text(), output.stderr_text()))
}

/// One build seen as the checks that it is made of.
fn results_of(output: &Output, reports: &str, build: &Build) -> Vec<CheckResult> {
    let said = said(output);
    let log = Log::read(&said);
    let tests = surefire::read(reports, &build.sources);
    let (built, policed) = (!log.failed(Kind::Build), !log.failed(Kind::Lint));
    // A failure that names no goal, such as a pom that cannot be read, or a
    // build that was killed, is the build's.
    let unexplained = !output.success() && built && policed && !log.failed(Kind::Test);
    let result = |check: CheckKind, command: &str, passed: bool| CheckResult {
        check: check.name().to_owned(),
        command: command.to_owned(),
        passed,
        duration_ms: u64::try_from(output.duration.as_millis()).unwrap_or(u64::MAX),
        ..CheckResult::default()
    };
    let mut results = vec![result(CheckKind::Build, "mvn test-compile", built && !unexplained)];
    if log.ran(Kind::Lint) {
        let failures =
            if policed { Vec::new() } else { policy::read(reports, &said, &build.root, is_policy) };
        results.push(CheckResult {
            failing: failures.iter().map(|failure| failure.name.clone()).collect(),
            failures,
            ..result(CheckKind::Lint, "mvn verify (policy plugins)", policed)
        });
    }
    if tests != Tests::default() || log.failed(Kind::Test) {
        let passed = !log.failed(Kind::Test) && tests.failing.is_empty() && built && !unexplained;
        results.push(counted(result(CheckKind::Test, "mvn verify", passed), &tests));
    }
    results
}

/// Why a build failed, with the lines that it fails at.
async fn story(exec: &dyn Exec, output: &Output) -> Result<String, Failure> {
    let summary = quote(exec, summarize(Tool::Maven, &said(output))).await?;
    Ok(format!("{}\n{}", output.exit.describe(), summary.text()))
}

/// Does a line say that a policy's goal failed?
fn is_policy(line: &str) -> bool {
    Log::read(line).failed(Kind::Lint)
}

/// A result with what the reports say about its tests.
fn counted(result: CheckResult, tests: &Tests) -> CheckResult {
    let failures: Vec<TestFailure> = tests.failing.values().cloned().collect();
    CheckResult {
        passed: result.passed && failures.is_empty(),
        tests_passed: Some(tests.passed),
        skipped: Some(tests.skipped),
        failing: failures.iter().map(|failure| failure.name.clone()).collect(),
        failures,
        ..result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Exit;
    use crate::verify::{Declared, Told};

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
        let case =
            |name: &str, inner: &str| format!("<testcase name=\"{name}\" classname=\"A\">{inner}</testcase>");
        let cases = (0..passed).map(|n| case(&format!("ok{n}"), ""));
        let cases = cases.chain(failing.iter().map(|name| case(name, "<failure/>"))).collect::<String>();
        let reports = format!("<?xml version=\"1.0\"?><testsuite>{cases}</testsuite>");
        results_of(&output(code, said), &reports, &build(Declared::default()))
            .iter()
            .map(|result| format!("{} {} {:?}", result.check, result.passed, result.tests_passed))
            .collect()
    }

    fn build(declared: Declared) -> Build {
        let paths = vec!["pom.xml".to_owned()];
        Build::find(&Files { paths, declared, ..Files::default() }).unwrap()
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
            (1, &*surefire, 2, vec!["b"], vec!["build true None", "lint true None", "test false Some(2)"]),
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

    #[test]
    fn failed_tests_are_picked_out_by_class_and_method() {
        for (failing, expected) in [
            (&["a.B.adds", "a.B$In.adds"][..], Some("a.B#adds,a.B$In#adds")),
            (&["a.B.adds(int)[1]", "a.B.adds[2]"], Some("a.B#adds")),
            // A class that could not start.
            (&["a.B"], Some("a.B")),
            (&["a.B.it works"], Some("a.B#it")),
            (&["a.B.x-y"], None),
            (&["lonely"], None),
            (&[], None),
        ] {
            let failing: Vec<String> = failing.iter().map(|name| (*name).to_owned()).collect();
            let words = selection(&failing);
            let expected = expected.map(|list| (format!("-Dtest={list}"), format!("-Dit.test={list}")));
            assert_eq!(words.map(|words| (words[0].clone(), words[1].clone())), expected, "{failing:?}");
        }
    }

    #[test]
    fn what_the_repository_declares_takes_a_part_of_the_build() {
        let commands = |words: &str| Told::Commands(vec![words.split(' ').map(str::to_owned).collect()]);
        let told = |checks: &[(CheckKind, Told)]| Declared {
            checks: checks.iter().cloned().collect(),
            timeouts: [(CheckKind::Test, Duration::from_mins(30))].into(),
        };
        let tests = build(told(&[(CheckKind::Test, commands("./mvnw -o -Pci verify"))]));
        assert!(tests.is_needed() && tests.timeout == CHECK_TIMEOUT);
        assert_eq!(build(told(&[])).timeout, Duration::from_mins(30));
        let all = PARTS.map(|kind| (kind, commands("make")));
        assert!(!build(told(&all)).is_needed());

        let argv = declared(&["./mvnw", "-o", "-Pci", "verify"].map(str::to_owned)).argv;
        assert_eq!(argv.join(" "), "mvn -o -B -ntp -Dstyle.color=never -fae -Pci verify");
        assert_eq!(declared(&["make".to_owned()]).argv, ["make"]);

        // A build that is broken leaves no other check unbroken.
        let broken = output(1, "[ERROR] The build could not read 1 project");
        let off = build(told(&[(CheckKind::Build, Told::Off)]));
        let lint = "[INFO] --- enforcer:3.5.0:enforce (e) @ a ---\n";
        let results = results_of(&output(1, &format!("{lint}[ERROR] no")), "", &off);
        let left = off.left(&broken, results);
        assert_eq!(
            left.iter().map(|one| (one.check.as_str(), one.passed)).collect::<Vec<_>>(),
            [("lint", false)]
        );
    }
}
