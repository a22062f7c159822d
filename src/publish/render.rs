//! The words on GitHub: pure, from a summary.
//!
//! A later run of the same session must write the same pull request, so
//! nothing in it depends on when it was written.

use std::fmt::Write as _;

use super::{Announcement, verified, why};
use crate::change::{Request, Subject};
use crate::evidence::{Accepted, ChangeKind, CheckResult, Decision};
use crate::ids::SessionId;
use crate::outcome::Outcome;
use crate::record::{Stage, StageResult};
use crate::summary::Summary;
use crate::text::markdown::{block, code, inline, quote};

/// Bytes of model text in a comment.
const QUOTED: usize = 1500;
/// Bytes of a row's detail.
const DETAIL: usize = 300;
/// Bytes of the commands that reproduce the verification.
const COMMANDS: usize = 4000;
/// Bytes of a name.
const NAME: usize = 120;

/// One check run's words.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) title: String,
    pub(super) summary: String,
    pub(super) conclusion: &'static str,
}

/// By this the status comment is found again.
pub(super) fn marker(session: SessionId) -> String {
    format!("<!-- agent:job={session} -->")
}

pub(super) fn session_url(public_url: &str, session: SessionId) -> String {
    format!("{public_url}/sessions/{session}")
}

/// The status comment, while it runs and when it has ended.
pub(super) fn status(summary: &Summary, public_url: &str) -> String {
    let mut out = format!("{}\n### {}\n", marker(summary.session), heading(summary));
    if let Some(Subject::Issue { sender, .. }) = summary.request.as_ref().map(|request| &request.subject) {
        let label =
            summary.request.as_ref().and_then(|request| request.label.as_deref()).unwrap_or("a command");
        write!(out, "Requested by {} via {} · ", inline(sender, NAME), code(label, NAME)).ok();
    }
    writeln!(out, "[replay]({})\n", session_url(public_url, summary.session)).ok();
    if let Some(outcome) = summary.outcome {
        writeln!(
            out,
            "**{}** {}\n",
            outcome.sentence(),
            if outcome.is_success() { "" } else { outcome.next_step() }
        )
        .ok();
        if !outcome.is_success() && !summary.detail.is_empty() {
            writeln!(out, "{}\n", quote(&summary.detail, QUOTED)).ok();
        }
    }
    if let Some(url) = &summary.pull_request {
        writeln!(out, "Pull request: {url}\n").ok();
    }
    out.push_str(&table(summary));
    let left = verified::not_verified(&summary.checks, &summary.delta);
    if summary.outcome.is_some_and(Outcome::is_success) && !left.is_empty() {
        write!(out, "\nNot verified:\n{left}").ok();
    }
    out
}

fn heading(summary: &Summary) -> String {
    let what = match (&summary.resolved, summary.request.as_ref().and_then(|request| request.bump.as_ref())) {
        (Some(resolved), _) => format!("Bump {} {} → {}", resolved.package, resolved.from, resolved.to),
        (None, Some(bump)) => format!("Bump {bump}"),
        (None, None) => "Bump".to_owned(),
    };
    let state = match (summary.outcome, summary.current) {
        (Some(outcome), _) if outcome.is_success() => "verified".to_owned(),
        (Some(outcome), _) => outcome.name().replace('_', " "),
        (None, Some(stage)) => format!("{} …", stage.title().to_lowercase()),
        (None, None) => "running".to_owned(),
    };
    let limits = summary.limits.unwrap_or_default();
    format!(
        "{} · {state} · {}/{} turns · {} of {}",
        inline(&what, DETAIL),
        summary.turns,
        limits.turns,
        summary.cost,
        limits.cost
    )
}

fn table(summary: &Summary) -> String {
    let mut out = String::from("| Stage | Result | Detail |\n|---|---|---|\n");
    for line in &summary.stages {
        let result = match line.result {
            StageResult::Ok if line.stage == Stage::Judge => match &summary.judge {
                Some((verdict, _)) if verdict != Decision::Accept.name() => "shadow",
                _ => "accept",
            },
            StageResult::Ok => "ok",
            StageResult::Failed => "**failed**",
            StageResult::Skipped => "skipped",
        };
        let detail = inline(line.detail.lines().next().unwrap_or_default(), DETAIL);
        writeln!(out, "| {} | {result} | {detail} |", line.stage.title()).ok();
    }
    if let Some(stage) = summary.current {
        writeln!(out, "| {} | … | running |", stage.title()).ok();
    }
    out
}

/// The three verdicts on the head of the pull request.
pub(super) fn checks(accepted: &Accepted, summary: &Summary) -> [Check; 3] {
    let (checks, delta) = (accepted.verified().checks(), accepted.verified().delta());
    let attempts = summary.attempts;
    [
        Check {
            name: "agent / verify",
            title: verified::title(checks, delta),
            summary: verified::list(checks, delta)
                + &verified::not_verified(checks, delta)
                + "\nRun in a fresh container on the exported tree, against the untouched base.",
            conclusion: "success",
        },
        Check {
            name: "agent / test-integrity",
            title: verified::integrity_title(&summary.findings),
            summary: verified::integrity(&summary.findings),
            conclusion: "success",
        },
        Check {
            name: "agent / judge",
            title: match accepted.dissent() {
                None => "accept".to_owned(),
                Some(said) => format!("judge (shadow): {}", said.name()),
            },
            summary: format!("{}\n\nAfter {attempts} repair attempts.", quote(accepted.reason(), QUOTED)),
            // A judge in shadow mode must not block, so this may pass a
            // required check; but what it did not accept is not shown green.
            conclusion: if accepted.dissent().is_none() { "success" } else { "neutral" },
        },
    ]
}

/// What the judge said, for the pull request.
fn judged(accepted: &Accepted) -> String {
    let said = match accepted.dissent() {
        None => "The judge, a second model call, says:".to_owned(),
        Some(said) => format!(
            "The judge, a second model call, did not accept the change. It runs in shadow mode: it reports and \
             does not block. judge (shadow): {} —",
            said.name()
        ),
    };
    format!("{said}\n{}", quote(accepted.reason(), QUOTED))
}

/// What no run here can show.
const NOT_VERIFIED: &str =
    "Anything that needs a network, a database or a browser; anything that the repository has no check for.";

pub(super) fn pull_body(
    accepted: &Accepted,
    what: &Announcement<'_>,
    request: &Request,
    public_url: &str,
) -> String {
    let mut out = String::from("## Why\n");
    if let Subject::Issue { number, sender, .. } = &request.subject {
        writeln!(
            out,
            "Asked for by {} in #{number}. {}\n",
            inline(sender, NAME),
            fixes(*number, what.summary)
        )
        .ok();
    }
    out.push_str(&why::advisories(&what.summary.advisories));
    out.push_str(&why::changed(what.resolved));
    for file in accepted.patch().files() {
        let kind = match file.kind {
            ChangeKind::Added => "added",
            ChangeKind::Modified => "changed",
            ChangeKind::Deleted => "deleted",
        };
        writeln!(out, "- {} {kind} (+{} −{})", code(&file.path, DETAIL), file.added, file.removed).ok();
    }
    out.push_str(&why::version(what.resolved));
    writeln!(
        out,
        "\n## Verified\nBy the engine, in a fresh container, against the untouched base:\n{}",
        verified::list(accepted.verified().checks(), accepted.verified().delta())
    )
    .ok();
    let integrity = verified::integrity(&what.summary.findings);
    writeln!(out, "{} {}\n", integrity.trim_end(), judged(accepted)).ok();
    out.push_str(&why::proofs(&what.summary.proofs));
    let left = verified::not_verified(accepted.verified().checks(), accepted.verified().delta());
    writeln!(out, "## Not verified\n{left}{NOT_VERIFIED}\n").ok();
    writeln!(out, "## How to reproduce\n{}", reproduce(what.branch, accepted.verified().checks())).ok();
    writeln!(
        out,
        "\n---\nModel {} · {} · [session]({}) · a person merges",
        what.model,
        what.summary.cost,
        session_url(public_url, what.summary.session)
    )
    .ok();
    out
}

/// The commands, between fences.
fn reproduce(branch: &str, checks: &[CheckResult]) -> String {
    let mut lines = vec![format!("git fetch origin {branch} && git checkout {branch}")];
    lines.extend(installation(checks).map(str::to_owned));
    lines.extend(checks.iter().map(|check| inline_command(&check.command)));
    block(&lines.join("\n"), COMMANDS)
}

/// A command is one line, whatever the repository calls it.
fn inline_command(command: &str) -> String {
    command.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Merging a part of a group must not close the issue that asked for all.
fn fixes(number: u64, summary: &Summary) -> String {
    if summary.left.is_empty() {
        return format!("Fixes #{number}.");
    }
    let left: Vec<String> = summary.left.iter().map(|bump| code(&bump.package, NAME)).collect();
    format!("A part of it: {} needs a repair and gets a session of its own.", left.join(", "))
}

/// How a person installs what the checks need; Maven does it by itself.
fn installation(checks: &[CheckResult]) -> Option<&'static str> {
    match checks.first()?.command.split(' ').next()? {
        "npm" | "npx" => Some("npm ci"),
        "yarn" => Some("yarn install --immutable || yarn install --frozen-lockfile"),
        "pnpm" => Some("pnpm install --frozen-lockfile"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::StageLine;

    fn summary() -> Summary {
        let session = "01J00000000000000000000000".parse().unwrap();
        let mut summary = Summary::new(session);
        let subject = Subject::Issue {
            repo: "o/r".parse().unwrap(),
            repo_id: 1,
            installation: 1,
            number: 7,
            sender: "ann".into(),
            sender_id: 2,
        };
        summary.request = Some(Request {
            label: Some("agent:bump".into()),
            bump: Some(crate::change::Bump { package: "ms".into(), version: Some("2.1.3".into()) }),
            ..Request::new(subject, "bump")
        });
        summary.stages.push(StageLine {
            stage: Stage::Baseline,
            result: StageResult::Ok,
            detail: "412 passed | <b>@all</b>\nmore".into(),
            duration_ms: 5,
        });
        summary
    }

    #[test]
    fn the_comment_says_what_is_being_done_and_mentions_nobody() {
        let mut running = summary();
        running.current = Some(Stage::Verify);
        assert_eq!(
            status(&running, "https://c.example"),
            "<!-- agent:job=01J00000000000000000000000 -->\n\
             ### Bump ms@\u{200b}2.1.3 · verify … · 0/10 turns · $0.00 of $1.00\n\
             Requested by ann via `agent:bump` · [replay](https://c.example/sessions/01J00000000000000000000000)\n\n\
             | Stage | Result | Detail |\n|---|---|---|\n\
             | Baseline | ok | 412 passed \\| &lt;b>@\u{200b}all&lt;/b> |\n\
             | Verify | … | running |\n"
        );
    }

    #[test]
    fn a_decline_says_why_and_what_next() {
        let mut declined = summary();
        declined.outcome = Some(Outcome::NoSafeVersion);
        declined.detail = "could not find version 9 of ms".into();
        let body = status(&declined, "https://c.example");
        assert!(body.contains("**There is no version that fits the request.** Check the package's name"));
        assert!(body.contains("> could not find version 9 of ms"));
        assert!(body.contains("no safe version"));
    }
}
