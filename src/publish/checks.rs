//! The words, states and lines of the three check runs: pure.
//!
//! They hang on a pull request's head only. While a session changes a pull
//! request that is open, they follow it there; the verdict on what it
//! publishes goes to the new head. Nothing ends as neutral but a judge that
//! an operator lets report without blocking: neutral passes a required check.

use std::fmt::Write as _;

use super::status::doing;
use super::{QUOTED, verified};
use crate::evidence::{Accepted, Finding};
use crate::failure::ConfigRefusal;
use crate::github::{Annotation, CheckAction, CheckState, Level};
use crate::outcome::Outcome;
use crate::record::{Stage, StageResult};
use crate::summary::Summary;
use crate::text;
use crate::text::markdown::{block, code, inline, quote};
use crate::wish::Button;

/// Bytes of a failing check's digest.
const DIGEST: usize = 4000;
/// Bytes of an annotation's title and message.
const LINE: usize = 200;
const MESSAGE: usize = 2000;
/// Lines that are marked, per run.
const MARKED: usize = 100;

/// One of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gate {
    Verify,
    Integrity,
    Judge,
}

impl Gate {
    pub(super) const ALL: [Self; 3] = [Self::Verify, Self::Integrity, Self::Judge];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Verify => "agent / verify",
            Self::Integrity => "agent / test-integrity",
            Self::Judge => "agent / judge",
        }
    }

    /// Behind the session in `external_id`.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Integrity => "integrity",
            Self::Judge => "judge",
        }
    }

    fn stage(self) -> Stage {
        match self {
            Self::Verify => Stage::Verify,
            Self::Integrity => Stage::Integrity,
            Self::Judge => Stage::Judge,
        }
    }
}

/// One check run, but for where it hangs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) gate: Gate,
    pub(super) state: CheckState,
    pub(super) title: String,
    pub(super) summary: String,
    pub(super) annotations: Vec<Annotation>,
    pub(super) actions: Vec<CheckAction>,
}

/// A button with its words.
pub(super) fn action(button: Button) -> CheckAction {
    let (label, description) = match button {
        Button::Retry => ("Retry", "Run the same request again"),
        Button::Explain => ("Explain", "Say what was tried and what failed"),
        Button::Stop => ("Stop", "Stop the run"),
    };
    CheckAction {
        label: label.to_owned(),
        description: description.to_owned(),
        identifier: button.identifier().to_owned(),
    }
}

/// While the session is at work on a pull request that is there.
pub(super) fn running(summary: &Summary) -> [Check; 3] {
    Gate::ALL.map(|gate| {
        let reached = summary.stages.iter().any(|line| line.stage == gate.stage());
        let current = summary.current == Some(gate.stage());
        let state = if current || reached { CheckState::InProgress } else { CheckState::Queued };
        let title = match state {
            CheckState::InProgress if !current => figure(gate, summary).unwrap_or_else(|| "done".to_owned()),
            CheckState::InProgress => doing(gate.stage(), summary),
            _ => "queued".to_owned(),
        };
        let now = summary
            .current
            .map_or_else(|| "the session is at work".to_owned(), |stage| doing(stage, summary));
        Check {
            gate,
            state,
            title,
            summary: format!("Now: {now}."),
            annotations: Vec::new(),
            actions: vec![action(Button::Stop)],
        }
    })
}

/// What the gate's last run found.
fn figure(gate: Gate, summary: &Summary) -> Option<String> {
    match gate {
        Gate::Verify if summary.checks.is_empty() => None,
        Gate::Verify => Some(verified::title(&summary.checks, &summary.delta)),
        Gate::Integrity => Some(match summary.findings.len() {
            0 => verified::integrity_title(&[]),
            1 => "1 finding".to_owned(),
            more => format!("{more} findings"),
        }),
        Gate::Judge => summary.judge.as_ref().map(|(verdict, _)| verdict.clone()),
    }
}

/// At the end of a session that leaves the head as it is; or that has put
/// another commit on top of it, which has the verdict.
pub(super) fn ended(summary: &Summary, outcome: Outcome, detail: &str) -> [Check; 3] {
    let published = matches!(outcome, Outcome::PrOpened | Outcome::PrUpdated);
    let mut refused = false;
    Gate::ALL.map(|gate| {
        let line = summary.stages.iter().find(|line| line.stage == gate.stage());
        let conclusion = match line.map(|line| line.result) {
            _ if published => "cancelled",
            Some(StageResult::Ok) => "success",
            // Behind a gate that refused nothing was looked at.
            None | Some(StageResult::Skipped) if refused => "cancelled",
            None | Some(StageResult::Skipped | StageResult::Failed) => conclusion(outcome),
        };
        let title = match (line, conclusion) {
            _ if published => "see the new commit".to_owned(),
            (Some(_), _) => figure(gate, summary).unwrap_or_else(|| outcome.sentence().to_owned()),
            (None, "cancelled") => "not reached".to_owned(),
            (None, _) => outcome.sentence().to_owned(),
        };
        refused = refused || conclusion != "success";
        Check {
            gate,
            state: CheckState::Completed(conclusion),
            title,
            summary: told(gate, summary, outcome, detail),
            annotations: if published { Vec::new() } else { annotations(gate, summary, Level::Failure) },
            actions: match published {
                true => Vec::new(),
                false => vec![action(Button::Retry), action(Button::Explain)],
            },
        }
    })
}

/// Of the gate that the session ended at.
fn conclusion(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::LimitTime => "timed_out",
        Outcome::Cancelled | Outcome::Superseded | Outcome::AlreadyCurrent | Outcome::AlreadyOpen => {
            "cancelled"
        }
        Outcome::VerifyFailed
        | Outcome::IntegrityFailed
        | Outcome::JudgeVetoed
        | Outcome::LimitTurns
        | Outcome::LimitCost
        | Outcome::EditFailed
        | Outcome::FetchFailed
        | Outcome::InternalError => "failure",
        _ => "action_required",
    }
}

fn told(gate: Gate, summary: &Summary, outcome: Outcome, detail: &str) -> String {
    let mut out = format!("**{}** {}\n", outcome.sentence(), outcome.next_step());
    if !detail.is_empty() && !outcome.is_success() {
        writeln!(out, "\n{}", quote(detail, QUOTED)).ok();
    }
    match gate {
        Gate::Verify => out.push_str(&failing(summary)),
        Gate::Integrity if !summary.findings.is_empty() => {
            write!(out, "\n{}", verified::findings(&summary.findings)).ok();
        }
        Gate::Judge => {
            if let Some((_, reason)) = &summary.judge {
                writeln!(out, "\nThe judge says:\n\n{}", quote(reason, QUOTED)).ok();
            }
        }
        Gate::Integrity => {}
    }
    if !outcome.is_success() {
        out.push_str("\nLines are those of the tree that was tried.\n");
    }
    out
}

/// What fails now and did not before, with the first lines of why.
pub(super) fn failing(summary: &Summary) -> String {
    let mut out = String::new();
    if !summary.delta.newly_failing.is_empty() {
        writeln!(out, "\nNewly failing: {}", verified::names(&summary.delta.newly_failing)).ok();
    }
    for check in summary.checks.iter().filter(|check| !check.passed && !check.digest.is_empty()) {
        writeln!(out, "\n{}", block(&check.digest, DIGEST)).ok();
    }
    out
}

/// The verdicts on what is published.
pub(super) fn accepted(accepted: &Accepted, summary: &Summary) -> [Check; 3] {
    let (checks, delta) = (accepted.verified().checks(), accepted.verified().delta());
    let attempts = summary.attempts;
    // A judge in shadow mode must not block, so this may pass a required
    // check; but what it did not accept is not shown green.
    let (judged, said) = match accepted.dissent() {
        None => ("success", "accept".to_owned()),
        Some(said) => ("neutral", format!("judge (shadow): {}", said.name())),
    };
    let check = |gate, title, body: String, conclusion| Check {
        gate,
        state: CheckState::Completed(conclusion),
        title,
        summary: body,
        annotations: annotations(gate, summary, Level::Notice),
        actions: vec![action(Button::Explain)],
    };
    let proof = verified::list(checks, delta)
        + &verified::not_verified(checks, delta)
        + "\nRun in a fresh container on the exported tree, against the untouched base.";
    let reason = format!("{}\n\nAfter {attempts} repair attempts.", quote(accepted.reason(), QUOTED));
    [
        check(Gate::Verify, verified::title(checks, delta), proof, "success"),
        check(
            Gate::Integrity,
            verified::integrity_title(&summary.findings),
            verified::integrity(&summary.findings),
            "success",
        ),
        check(Gate::Judge, said, reason, judged),
    ]
}

/// What a refused configuration is told with.
pub(super) struct Refused {
    pub(super) title: String,
    pub(super) summary: String,
    pub(super) annotations: Vec<Annotation>,
}

/// Every line of a configuration that cannot be used, with its reason.
pub(super) fn refused_config(refusals: &[ConfigRefusal]) -> Refused {
    let title = match refusals {
        [only] => format!("line {}: could not {}", only.line, text::head(&text::plain(&only.reason), LINE)),
        many => format!("{} lines cannot be used", many.len()),
    };
    let mut out =
        String::from("Nothing was started: none of the file is used while a line of it is wrong.\n\n");
    for refusal in refusals.iter().take(MARKED) {
        let (line, path) = (refusal.line, code(&refusal.path, LINE));
        writeln!(out, "- line {line} of {path}: could not {}", inline(&refusal.reason, LINE)).ok();
    }
    out.push_str("\n`chaperone check-config FILE` says the same before it is merged.\n");
    let mark = |refusal: &ConfigRefusal| {
        let line = u32::try_from(refusal.line).unwrap_or(u32::MAX);
        let said = format!("could not {}", refusal.reason);
        annotation((&refusal.path, line), Level::Failure, "agent.yml", &said)
    };
    Refused { title, summary: out, annotations: refusals.iter().take(MARKED).map(mark).collect() }
}

/// The lines that a gate points at, where they are known.
fn annotations(gate: Gate, summary: &Summary, level: Level) -> Vec<Annotation> {
    let mut found: Vec<Annotation> = match gate {
        Gate::Verify if level == Level::Failure => newly_failing(summary),
        Gate::Integrity => summary.findings.iter().filter_map(|finding| of_finding(finding, level)).collect(),
        Gate::Verify | Gate::Judge => Vec::new(),
    };
    found.truncate(MARKED);
    found
}

fn newly_failing(summary: &Summary) -> Vec<Annotation> {
    let new = &summary.delta.newly_failing;
    let failures = summary.checks.iter().filter(|check| !check.passed).flat_map(|check| &check.failures);
    failures
        .filter(|failure| new.contains(&failure.name))
        .filter_map(|failure| {
            let (path, line) = (failure.file.as_deref()?, failure.line?);
            Some(annotation((path, line), Level::Failure, &failure.name, &failure.message))
        })
        .collect()
}

fn of_finding(finding: &Finding, level: Level) -> Option<Annotation> {
    Some(annotation((&finding.path, finding.line?), level, &finding.rule, &finding.message))
}

/// An annotation is plain text; GitHub refuses an empty one.
fn annotation((path, line): (&str, u32), level: Level, title: &str, message: &str) -> Annotation {
    let line = u64::from(line.max(1));
    let message = text::head(text::plain(message).trim(), MESSAGE);
    let title = text::head(text::plain(title).trim(), LINE);
    Annotation {
        path: text::plain(path),
        start_line: line,
        end_line: line,
        level,
        message: if message.is_empty() { title.clone() } else { message },
        title,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{CheckResult, Delta, TestFailure};
    use crate::summary::StageLine;

    fn summary(stages: &[(Stage, StageResult)]) -> Summary {
        let mut summary = Summary::new("01J00000000000000000000000".parse().unwrap());
        summary.stages = stages
            .iter()
            .map(|&(stage, result)| StageLine { stage, result, detail: String::new(), duration_ms: 0 })
            .collect();
        summary
    }

    fn states(checks: &[Check; 3]) -> [CheckState; 3] {
        [checks[0].state, checks[1].state, checks[2].state]
    }

    fn ends(summary: &Summary, outcome: Outcome) -> [&'static str; 3] {
        states(&ended(summary, outcome, "")).map(|state| match state {
            CheckState::Completed(conclusion) => conclusion,
            _ => "open",
        })
    }

    #[test]
    fn they_are_queued_and_in_progress_as_the_gates_are_reached_and_can_be_stopped() {
        let mut now = summary(&[]);
        assert_eq!(states(&running(&now)), [CheckState::Queued; 3]);
        now.current = Some(Stage::Verify);
        let checks = running(&now);
        assert_eq!(states(&checks), [CheckState::InProgress, CheckState::Queued, CheckState::Queued]);
        assert_eq!(checks[0].title, "running the checks on the changed tree");
        let mut now = summary(&[(Stage::Verify, StageResult::Ok)]);
        now.current = Some(Stage::Integrity);
        now.checks = vec![CheckResult {
            check: "test".into(),
            tests_passed: Some(4),
            passed: true,
            ..CheckResult::default()
        }];
        let checks = running(&now);
        assert_eq!(states(&checks), [CheckState::InProgress, CheckState::InProgress, CheckState::Queued]);
        assert_eq!(checks[0].title, "4 passed, 0 newly failing (test)");
        assert!(checks.iter().all(|check| check.actions == [action(Button::Stop)]));
    }

    #[test]
    fn the_gate_that_refused_is_red_and_nothing_is_ever_neutral() {
        use StageResult::{Failed, Ok};
        let verify = summary(&[(Stage::Verify, Failed)]);
        let integrity = summary(&[(Stage::Verify, Ok), (Stage::Integrity, Failed)]);
        let judge = summary(&[(Stage::Verify, Ok), (Stage::Integrity, Ok), (Stage::Judge, Failed)]);
        for (summary, outcome, expected) in [
            (&verify, Outcome::VerifyFailed, ["failure", "cancelled", "cancelled"]),
            (&verify, Outcome::LimitTime, ["timed_out", "cancelled", "cancelled"]),
            (&integrity, Outcome::IntegrityFailed, ["success", "failure", "cancelled"]),
            (&judge, Outcome::JudgeVetoed, ["success", "success", "failure"]),
            (&judge, Outcome::JudgeUnavailable, ["success", "success", "action_required"]),
            (&summary(&[]), Outcome::BaselineBroken, ["action_required", "cancelled", "cancelled"]),
            (&summary(&[]), Outcome::Cancelled, ["cancelled"; 3]),
            (&integrity, Outcome::PrUpdated, ["cancelled"; 3]),
        ] {
            assert_eq!(ends(summary, outcome), expected, "{outcome}");
        }
        let checks = ended(&verify, Outcome::VerifyFailed, "could not @all");
        assert_eq!(checks[1].title, "not reached");
        assert_eq!(checks[0].actions, [action(Button::Retry), action(Button::Explain)]);
        assert!(checks[0].summary.contains("> could not @\u{200b}all"), "{}", checks[0].summary);
    }

    #[test]
    fn failing_lines_and_findings_are_marked_where_they_are_known() {
        let failure = |name: &str, line| TestFailure {
            name: name.into(),
            file: Some("test/a.js".into()),
            line,
            message: "\u{1b}[31mnot\u{1b}[0m equal".into(),
        };
        let mut red = summary(&[(Stage::Verify, StageResult::Failed)]);
        red.checks = vec![CheckResult {
            check: "test".into(),
            digest: "```\nfixes #1".into(),
            failures: vec![failure("new", Some(3)), failure("old", Some(4)), failure("new", None)],
            ..CheckResult::default()
        }];
        red.delta = Delta { newly_failing: vec!["new".into()], ..Delta::default() };
        let finding =
            |line| Finding { rule: "test-skipped".into(), path: "b.js".into(), line, message: String::new() };
        red.findings = vec![finding(Some(9)), finding(None)];
        let checks = ended(&red, Outcome::VerifyFailed, "");
        let marked = &checks[0].annotations;
        assert_eq!(marked.len(), 1);
        assert_eq!((marked[0].path.as_str(), marked[0].start_line, marked[0].end_line), ("test/a.js", 3, 3));
        assert_eq!((marked[0].title.as_str(), marked[0].message.as_str()), ("new", "not equal"));
        assert_eq!((checks[1].annotations.len(), checks[1].annotations[0].start_line), (1, 9));
        assert_eq!(checks[1].annotations[0].message, "test-skipped");
        let told = &checks[0].summary;
        assert!(
            told.contains("Newly failing: `new`") && told.contains("````\n```\nfixes #\u{200b}1\n````"),
            "{told}"
        );
    }

    #[test]
    fn every_wrong_line_of_a_configuration_is_marked_with_its_reason() {
        let refusal = |line, reason: &str| ConfigRefusal {
            path: ".github/agent.yml".into(),
            line,
            reason: reason.into(),
        };
        let one = refused_config(&[refusal(3, "read `turns`: @all")]);
        assert_eq!(one.title, "line 3: could not read `turns`: @all");
        assert!(
            one.summary.contains("- line 3 of `.github/agent.yml`: could not read 'turns': @\u{200b}all\n"),
            "{}",
            one.summary
        );
        let (at, said) = (one.annotations[0].start_line, one.annotations[0].message.as_str());
        assert_eq!((at, said), (3, "could not read `turns`: @all"));
        let two = refused_config(&[refusal(3, "a"), refusal(9, "b")]);
        assert_eq!((two.title.as_str(), two.annotations.len()), ("2 lines cannot be used", 2));
    }

    #[test]
    fn buttons_fit_into_githubs_limits() {
        for button in [Button::Retry, Button::Explain, Button::Stop] {
            let action = action(button);
            assert!(
                action.label.len() <= 20 && action.description.len() <= 40 && action.identifier.len() <= 20
            );
        }
    }
}
