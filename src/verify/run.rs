//! Running the commands of one check, and what they say together.
//!
//! A command is made to write a report where that is known how. Our words
//! must never be why it fails: when it fails without a report, it is run
//! again as it is written.

use std::time::Duration;

use ulid::Ulid;

use super::OUTPUT_CAP;
use super::digest::{Category, Tool, of_check, quote};
use super::node;
use super::node::runner::{Added, Runner};
use super::plan::{Check, CheckKind, Plan, Step};
use super::report::{self, Place, Report, printed};
use crate::evidence::CheckResult;
use crate::exec::{Command, Exec, Exit, Output, run_recorded};
use crate::failure::Failure;
use crate::record::Recorder;
use crate::text;

/// Bytes of a report.
const REPORT_CAP: usize = 64 * 1024 * 1024;
/// Failures that are described; all of them are named.
const DESCRIBED: usize = 200;
/// Reading a report is no work.
const READING: Duration = Duration::from_secs(30);
/// Of every command that checks, beside what the container itself says.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("CI", "true"),
    ("NO_COLOR", "1"),
    ("FORCE_COLOR", "0"),
    ("npm_config_audit", "false"),
    ("npm_config_fund", "false"),
    ("npm_config_update_notifier", "false"),
];
/// Where programs are looked up.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// One container with a plan to run in it.
#[derive(Clone, Copy)]
pub(super) struct Runs<'a> {
    pub(super) exec: &'a dyn Exec,
    pub(super) recorder: &'a Recorder,
    pub(super) plan: &'a Plan,
}

/// What one command left.
struct Ran {
    output: Output,
    said: String,
    report: Option<Report>,
}

/// The environment that checks run in.
pub(super) fn with_environment(mut command: Command) -> Command {
    for (name, value) in ENVIRONMENT {
        command = command.env(name, value);
    }
    command
}

impl Runs<'_> {
    /// Runs a check, all of its commands whatever the ones before said.
    pub(super) async fn check(&self, check: &Check) -> Result<CheckResult, Failure> {
        let mut result: Option<CheckResult> = None;
        for step in &check.steps {
            let one = self.step(check, step, &[]).await?;
            result = Some(match result {
                Some(before) => together(before, one),
                None => one,
            });
        }
        Ok(CheckResult { command: check.shown(), ..result.unwrap_or_default() })
    }

    /// Runs one command, with further words for its runner.
    pub(super) async fn step(
        &self,
        check: &Check,
        step: &Step,
        further: &[String],
    ) -> Result<CheckResult, Failure> {
        let mut ran = self.run(check, step, further, true).await?;
        let is_silent =
            ran.report.as_ref().is_none_or(|report| report.failures.is_empty() && ran.said.trim().is_empty());
        let failed = matches!(ran.output.exit, Exit::Code(code) if code != 0);
        if failed && is_silent && step.teller.is_some() {
            ran = self.run(check, step, further, false).await?;
        }
        let result = result(check.kind, step, &ran);
        if result.passed {
            return Ok(result);
        }
        let digest = self.digest(check.kind, &ran, &result).await?;
        Ok(CheckResult { digest, ..result })
    }

    /// Why a check failed, with the lines that it fails at.
    async fn digest(&self, kind: CheckKind, ran: &Ran, result: &CheckResult) -> Result<String, Failure> {
        let kind = match kind {
            CheckKind::Build | CheckKind::Typecheck => Category::Compilation,
            CheckKind::Lint => Category::Lint,
            CheckKind::Test => Category::Test,
        };
        let summary = of_check(kind, &result.failures, Tool::Npm, &ran.said);
        let summary = quote(self.exec, summary).await?;
        Ok(format!("{}\n{}", ran.output.exit.describe(), summary.text()))
    }

    async fn run(&self, check: &Check, step: &Step, further: &[String], ask: bool) -> Result<Ran, Failure> {
        let place = format!("/tmp/chaperone-{}", Ulid::new());
        let added = match &step.teller {
            Some(teller) if ask => teller.runner.ask(&place),
            _ => Added::default(),
        };
        let output =
            run_recorded(self.exec, "verify", self.command(check, step, &added, further), self.recorder)
                .await?;
        let said = text::plain(&format!("{}\n{}", output.stdout_text(), output.stderr_text()));
        let report = match &step.teller {
            // A run that was cut off has said a part only.
            Some(teller) if ask && matches!(output.exit, Exit::Code(_)) && !output.truncated => {
                let told = match &added.file {
                    Some(file) => self.told(file).await?,
                    None => None,
                };
                // Old versions know no file, and print it.
                let prints = added.file.is_none() || matches!(teller.runner, Runner::Mocha | Runner::Tap);
                let told = told.or_else(|| prints.then(|| said.clone()));
                let place = Place { root: &self.plan.root, dir: &step.dir };
                told.and_then(|told| report::read(teller.runner, &told, &place))
            }
            _ => None,
        };
        Ok(Ran { output, said, report })
    }

    fn command(&self, check: &Check, step: &Step, added: &Added, further: &[String]) -> Command {
        let mut argv = step.argv.clone();
        if let Some(teller) = &step.teller
            && !(added.words.is_empty() && further.is_empty())
        {
            argv.extend(teller.front.iter().cloned());
            argv.extend(added.words.iter().chain(further).cloned());
        }
        let command = with_environment(Command::new(argv).in_dir(step.dir.clone()).timeout(check.timeout));
        let mut command = match self.plan.maven {
            Some(_) => command,
            None => node::hand(self.exec, &self.plan.manager, self.recorder).with_settings(command),
        };
        if let Some((name, value)) = &added.env {
            command = command.env(*name, value);
        }
        if step.is_bare && self.plan.maven.is_none() {
            let path = command.env.iter().rev().find(|(name, _)| name == "PATH");
            let path = path.map_or(PATH, |(_, path)| path.as_str());
            // Relative, as the project's place is not known here.
            let path = format!("node_modules/.bin:{path}");
            command = command.env("PATH", path);
        }
        command.output_cap = OUTPUT_CAP;
        command
    }

    /// Reads a report; `None` when there is none that is whole.
    async fn told(&self, file: &str) -> Result<Option<String>, Failure> {
        let mut command = Command::new(["cat", "--", file]).timeout(READING);
        command.output_cap = REPORT_CAP;
        let output = self.exec.run(command).await?;
        Ok((output.success() && !output.truncated).then(|| output.stdout_text()))
    }
}

fn result(kind: CheckKind, step: &Step, ran: &Ran) -> CheckResult {
    let passed = ran.output.success();
    let report = ran.report.clone().filter(|report| agrees(kind, report, passed));
    let read = match (report, kind) {
        (Some(report), _) => report,
        (None, CheckKind::Test) => {
            let mut read = printed::read(&ran.said);
            // What is printed says more about a failure than a report in
            // which there is none; its count stands where nothing is printed.
            let told = ran.report.as_ref();
            read.passed = read.passed.or_else(|| told?.passed);
            read.skipped = told.and_then(|told| told.skipped);
            read
        }
        (None, _) => Report::default(),
    };
    let is_test = kind == CheckKind::Test;
    let failures = if passed { Vec::new() } else { read.failures };
    CheckResult {
        check: kind.name().to_owned(),
        command: step.shown(),
        passed,
        tests_passed: read.passed.filter(|_| is_test),
        skipped: read.skipped.filter(|_| is_test),
        failing: failures.iter().map(|failure| failure.name.clone()).collect(),
        digest: String::new(),
        said: String::new(),
        // A name without a place or a message says no more than the name.
        failures: failures
            .into_iter()
            .filter(|one| one.file.is_some() || !one.message.is_empty())
            .take(DESCRIBED)
            .collect(),
        duration_ms: u64::try_from(ran.output.duration.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Does a report fit the exit code, which decides? A lint may complain and
/// pass.
fn agrees(kind: CheckKind, report: &Report, passed: bool) -> bool {
    match kind {
        CheckKind::Test => passed == report.failures.is_empty(),
        _ => !passed && !report.failures.is_empty(),
    }
}

/// Two commands of one check.
fn together(a: CheckResult, b: CheckResult) -> CheckResult {
    let sum = |a: Option<u32>, b: Option<u32>| match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (one, other) => one.or(other),
    };
    let mut failing = [a.failing, b.failing].concat();
    failing.sort();
    failing.dedup();
    let digests = [a.digest, b.digest].into_iter().filter(|digest| !digest.is_empty());
    CheckResult {
        passed: a.passed && b.passed,
        tests_passed: sum(a.tests_passed, b.tests_passed),
        skipped: sum(a.skipped, b.skipped),
        failing,
        failures: [a.failures, b.failures].concat(),
        digest: digests.collect::<Vec<_>>().join("\n"),
        duration_ms: a.duration_ms.saturating_add(b.duration_ms),
        ..b
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::TestFailure;

    fn ran(code: i32, said: &str, report: Option<Report>) -> Ran {
        let output = Output {
            exit: Exit::Code(code),
            stdout: Vec::new(),
            stderr: Vec::new(),
            truncated: false,
            duration: Duration::ZERO,
        };
        Ran { output, said: said.to_owned(), report }
    }

    fn report(passed: Option<u32>, failing: &[&str]) -> Option<Report> {
        let failure = |name: &&str| TestFailure {
            name: (*name).to_owned(),
            message: "m".into(),
            ..TestFailure::default()
        };
        Some(Report { passed, skipped: Some(1), failures: failing.iter().map(failure).collect() })
    }

    #[test]
    fn an_exit_code_decides_and_a_report_that_contradicts_it_is_not_believed() {
        let text = "ℹ pass 4\n✖ printed (1ms)\n";
        for (code, report, passed, count, failing) in [
            (0, report(Some(3), &[]), true, Some(3), vec![]),
            (1, report(Some(3), &["a"]), false, Some(3), vec!["a"]),
            // It hides a failure, or invents one.
            (1, report(Some(3), &[]), false, Some(4), vec!["printed"]),
            (0, report(Some(3), &["a"]), true, Some(4), vec![]),
            (1, None, false, Some(4), vec!["printed"]),
            (0, report(Some(0), &[]), true, Some(0), vec![]),
        ] {
            let result = result(CheckKind::Test, &Step::default(), &ran(code, text, report));
            assert_eq!((result.passed, result.tests_passed), (passed, count));
            assert_eq!(result.failing, failing);
        }
        let silent = result(CheckKind::Test, &Step::default(), &ran(1, "", report(Some(3), &[])));
        assert_eq!((silent.tests_passed, silent.skipped), (Some(3), Some(1)));
    }

    #[test]
    fn a_lint_counts_no_test() {
        let result = result(CheckKind::Lint, &Step::default(), &ran(1, "pass 4", report(None, &["a.js: x"])));
        assert_eq!((result.tests_passed, result.skipped), (None, None));
        assert_eq!(result.failing, ["a.js: x"]);
        assert_eq!(result.failures[0].message, "m");
    }

    #[test]
    fn the_commands_of_a_check_pass_together() {
        let one = |code: i32, count: u32, failing: &[&str]| {
            result(CheckKind::Test, &Step::default(), &ran(code, "", report(Some(count), failing)))
        };
        let both = together(one(1, 2, &["b"]), one(1, 3, &["a"]));
        assert_eq!((both.passed, both.tests_passed, both.skipped), (false, Some(5), Some(2)));
        assert_eq!(both.failing, ["a", "b"]);
        assert!(together(one(0, 1, &[]), one(0, 1, &[])).passed);
        assert!(!together(one(1, 1, &["a"]), one(0, 1, &[])).passed);
    }
}
