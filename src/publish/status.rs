//! The one status comment of a session: pure, from a summary. Only the last
//! edit mentions anybody, and only the person who asked.

use std::fmt::Write as _;

use super::{NAME, QUOTED, session_url, verified};
use crate::change::{Subject, Via};
use crate::evidence::Decision;
use crate::ids::SessionId;
use crate::outcome::Outcome;
use crate::record::{Stage, StageResult};
use crate::summary::{StageLine, Summary};
use crate::text::markdown::{code, inline, quote};

/// Bytes of a row's detail.
const DETAIL: usize = 300;

/// By this the status comment is found again.
pub(super) fn marker(session: SessionId) -> String {
    format!("<!-- agent:job={session} -->")
}

/// The comment, while the session runs and when it has ended.
pub(super) fn comment(summary: &Summary, public_url: &str) -> String {
    let mut out = format!("{}\n{}", marker(summary.session), card(summary, public_url));
    if summary.outcome.is_some() {
        write!(out, "\n{}", ending(summary, public_url)).ok();
    }
    out
}

/// What a session does or did, without a word about what to do next.
pub(super) fn card(summary: &Summary, public_url: &str) -> String {
    let mut out = format!("### {}\n{}\n\n", heading(summary), asked(summary, public_url));
    out.push_str(&table(summary));
    let left = verified::left_open(&summary.checks, &summary.delta);
    if !left.is_empty() {
        writeln!(out, "\nNot checked: {}", left.join("; ")).ok();
    }
    out
}

/// `Bump ms 2.0.0 → 2.1.3  ·  verified  ·  2m41s · 6/10 turns · $0.18`.
fn heading(summary: &Summary) -> String {
    format!("{}  ·  {}  ·  {}", inline(&what(summary), DETAIL), state(summary), spent(summary))
}

fn what(summary: &Summary) -> String {
    let asked = summary.request.as_ref().and_then(|request| request.bump.as_ref());
    match (&summary.resolved, asked) {
        (Some(resolved), _) => format!("Bump {} {} → {}", resolved.package, resolved.from, resolved.to),
        (None, Some(bump)) => format!("Bump {bump}"),
        (None, None) => "Bump".to_owned(),
    }
}

fn state(summary: &Summary) -> String {
    match (summary.outcome, summary.current) {
        (Some(Outcome::PrOpened | Outcome::PrUpdated), _) => "verified".to_owned(),
        (Some(outcome), _) => outcome.name().replace('_', " "),
        (None, Some(stage)) => format!("{} …", stage.title().to_lowercase()),
        (None, None) => "running".to_owned(),
    }
}

/// What is spent, and while it runs of what is allowed.
fn spent(summary: &Summary) -> String {
    let limits = summary.limits.unwrap_or_default();
    let mut parts = Vec::new();
    if let (Some(started), Some(seen)) = (summary.started, summary.seen) {
        parts.push(took(u64::try_from(seen.duration_since(started).as_millis()).unwrap_or_default()));
    }
    parts.push(format!("{}/{} turns", summary.turns, limits.turns));
    if summary.outcome.is_some() {
        parts.push(summary.cost.to_string());
    } else {
        let agent = took(summary.agent_ms);
        parts.push(format!("{agent} of {} for repair", took(limits.agent_seconds.saturating_mul(1000))));
        parts.push(format!("{} of {}", summary.cost, limits.cost));
    }
    parts.join(" · ")
}

/// `41s`, `2m41s`, `1h02m`.
pub(super) fn took(ms: u64) -> String {
    let seconds = ms / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

/// Who asked, how, where; and where all of it can be read.
fn asked(summary: &Summary, public_url: &str) -> String {
    let mut parts = Vec::new();
    if let Some(request) = &summary.request {
        let by = match &request.via {
            Via::Itself => code(request.label.as_deref().unwrap_or("a command"), NAME),
            Via::Comment { words, .. } | Via::Check { words } => code(words, NAME),
            Via::Review { .. } => "a review".to_owned(),
        };
        match &request.subject {
            Subject::Issue { sender, number, .. } => {
                let may = summary.permission.map(|may| format!(" ({})", may.name())).unwrap_or_default();
                parts.push(format!("Requested by {}{may} via {by}", inline(sender, NAME)));
                parts.push(format!("#{}", request.issue.unwrap_or(*number)));
            }
            Subject::Alert { number, .. } => parts.push(format!("Started by Dependabot alert {number}")),
            Subject::Local { .. } => {}
        }
    }
    let url = session_url(public_url, summary.session);
    parts.push(format!("[replay]({url})"));
    parts.push(format!("[evidence]({url}/events)"));
    parts.join(" · ")
}

fn table(summary: &Summary) -> String {
    let mut out = String::from("| Stage | Result | Detail |\n|---|---|---|\n");
    let running = |stage: Stage| format!("| {} | … | {} |\n", stage.title(), doing(stage, summary));
    let mut shown = false;
    for line in &summary.stages {
        // A stage that runs once more stands where it stood.
        if summary.current == Some(line.stage) {
            out.push_str(&running(line.stage));
            shown = true;
            continue;
        }
        let detail = inline(line.detail.lines().next().unwrap_or_default(), DETAIL);
        writeln!(out, "| {} | {} | {detail} |", line.stage.title(), result(line, summary)).ok();
    }
    if let (Some(stage), false) = (summary.current, shown) {
        out.push_str(&running(stage));
    }
    out
}

fn result(line: &StageLine, summary: &Summary) -> &'static str {
    match line.result {
        StageResult::Ok if line.stage == Stage::Judge => match &summary.judge {
            Some((verdict, _)) if verdict != Decision::Accept.name() => "shadow",
            _ => "accept",
        },
        StageResult::Ok => "ok",
        StageResult::Failed => "**failed**",
        StageResult::Skipped => "skipped",
    }
}

/// What a stage does, for people who wait.
pub(super) fn doing(stage: Stage, summary: &Summary) -> String {
    let limits = summary.limits.unwrap_or_default();
    match stage {
        Stage::Checkout => "fetching the default branch".to_owned(),
        Stage::Resolve => "looking for the version".to_owned(),
        Stage::Baseline => "running the checks on the untouched base".to_owned(),
        Stage::Group => "finding the smallest part that breaks".to_owned(),
        Stage::Bump => "editing the manifest and the lockfile".to_owned(),
        Stage::Verify => "running the checks on the changed tree".to_owned(),
        Stage::Repair => format!(
            "attempt {} of {}, {} of {} turns used",
            (summary.tries.len() + 1).min(usize::try_from(limits.attempts).unwrap_or(usize::MAX)),
            limits.attempts,
            summary.turns,
            limits.turns
        ),
        Stage::Integrity => "comparing tests and checks with the base's".to_owned(),
        Stage::Judge => "a second model call reads the change".to_owned(),
        Stage::Publish => "pushing the branch and opening the pull request".to_owned(),
    }
}

/// How it ended, and what to do next.
fn ending(summary: &Summary, public_url: &str) -> String {
    let Some(outcome) = summary.outcome else { return String::new() };
    let mut out = format!("{}**{}** {}\n", requester(summary), outcome.sentence(), outcome.next_step());
    if !outcome.is_success() && !summary.detail.is_empty() {
        writeln!(out, "\n{}", quote(&summary.detail, QUOTED)).ok();
    }
    if let Some(url) = &summary.pull_request {
        writeln!(out, "\nPull request: {url}").ok();
    }
    if let Some(patch) = patch(summary, outcome, public_url) {
        writeln!(out, "\n{patch}").ok();
    }
    out
}

/// The best tree so far, where somebody can take over from it.
pub(super) fn patch(summary: &Summary, outcome: Outcome, public_url: &str) -> Option<String> {
    let useful = matches!(
        outcome,
        Outcome::LimitTurns
            | Outcome::LimitTime
            | Outcome::LimitCost
            | Outcome::VerifyFailed
            | Outcome::IntegrityFailed
            | Outcome::JudgeVetoed
            | Outcome::SecretRefused
            | Outcome::WorkflowsForbidden
    );
    (useful && !summary.files.is_empty()).then(|| {
        format!("[The best tree so far, as a patch]({}/patch)", session_url(public_url, summary.session))
    })
}

/// The only mention of all: of a person, by a login that is one.
fn requester(summary: &Summary) -> String {
    let Some(Subject::Issue { sender, .. }) = summary.request.as_ref().map(|request| &request.subject) else {
        return String::new();
    };
    let is_login = (1..=39).contains(&sender.len())
        && sender.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if is_login { format!("@{sender} ") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::change::{Bump, Cost, Permission, Request};
    use crate::evidence::{ChangeKind, ChangedFile, Delta};

    pub(crate) fn summary() -> Summary {
        let mut summary = Summary::new("01J00000000000000000000000".parse().unwrap());
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
            bump: Some(Bump { package: "ms".into(), version: Some("2.1.3".into()) }),
            ..Request::new(subject, "bump")
        });
        summary.started = Some(Timestamp::from_second(0).unwrap());
        summary.seen = Some(Timestamp::from_second(161).unwrap());
        summary.stages.push(StageLine {
            stage: Stage::Baseline,
            result: StageResult::Ok,
            detail: "412 passed | <b>@all</b>\nmore".into(),
            duration_ms: 5,
        });
        summary
    }

    const URL: &str = "https://c.example";

    #[test]
    fn while_it_runs_it_says_what_is_spent_of_what_and_mentions_nobody() {
        let mut running = summary();
        running.current = Some(Stage::Verify);
        (running.turns, running.agent_ms, running.cost) = (2, 61_000, Cost(180_000));
        running.permission = Some(Permission::Write);
        assert_eq!(
            comment(&running, URL),
            "<!-- agent:job=01J00000000000000000000000 -->\n\
             ### Bump ms@\u{200b}2.1.3  ·  verify …  ·  2m41s · 2/10 turns · 1m01s of 5m00s for repair · $0.18 of $1.00\n\
             Requested by ann (write) via `agent:bump` · #7 · \
             [replay](https://c.example/sessions/01J00000000000000000000000) · \
             [evidence](https://c.example/sessions/01J00000000000000000000000/events)\n\n\
             | Stage | Result | Detail |\n|---|---|---|\n\
             | Baseline | ok | 412 passed \\| &lt;b>@\u{200b}all&lt;/b> |\n\
             | Verify | … | running the checks on the changed tree |\n"
        );
    }

    #[test]
    fn a_stage_that_runs_again_has_one_row() {
        let mut running = summary();
        running.current = Some(Stage::Baseline);
        let body = comment(&running, URL);
        assert_eq!(body.matches("| Baseline |").count(), 1, "{body}");
        assert!(body.contains("| Baseline | … | running the checks on the untouched base |"));
        running.current = Some(Stage::Repair);
        running.turns = 3;
        assert!(comment(&running, URL).contains("| Repair | … | attempt 1 of 3, 3 of 10 turns used |"));
    }

    #[test]
    fn the_end_says_why_and_what_next_to_the_one_who_asked() {
        let mut declined = summary();
        declined.outcome = Some(Outcome::NoSafeVersion);
        declined.detail = "could not find version 9 of ms for @bob".into();
        let body = comment(&declined, URL);
        for part in [
            "·  no safe version  ·  2m41s · 0/10 turns · $0.00\n",
            "\n@ann **There is no version that fits the request.** Check the package's name",
            "> could not find version 9 of ms for @\u{200b}bob",
        ] {
            assert!(body.contains(part), "{part}: {body}");
        }
        assert!(!body.contains("as a patch") && body.matches("@a").count() == 1, "{body}");
        if let Some(Subject::Issue { sender, .. }) =
            declined.request.as_mut().map(|request| &mut request.subject)
        {
            *sender = "renovate[bot]".into();
        }
        assert!(comment(&declined, URL).contains("\n**There is no version"));
    }

    #[test]
    fn a_limit_keeps_the_work_and_a_success_says_what_is_left_open() {
        let mut limit = summary();
        limit.outcome = Some(Outcome::LimitTurns);
        assert!(!comment(&limit, URL).contains("as a patch"));
        limit.files.push(ChangedFile { path: "a".into(), kind: ChangeKind::Added, added: 1, removed: 0 });
        let link = "(https://c.example/sessions/01J00000000000000000000000/patch)";
        assert!(comment(&limit, URL).contains(link));

        let mut done = summary();
        done.outcome = Some(Outcome::PrOpened);
        done.pull_request = Some("https://h.example/o/r/pull/8".into());
        done.delta = Delta { unverified: vec!["npm run lint".into()], ..Delta::default() };
        let body = comment(&done, URL);
        assert!(body.contains("  ·  verified  ·  2m41s · 0/10 turns · $0.00\n"), "{body}");
        assert!(
            body.contains("\nNot checked: `npm run lint` fails before the change and after it"),
            "{body}"
        );
        assert!(body.contains("\nPull request: https://h.example/o/r/pull/8\n"), "{body}");
    }

    #[test]
    fn times_are_short() {
        assert_eq!([999, 41_000, 161_999, 3_725_000].map(took), ["0s", "41s", "2m41s", "1h02m"]);
    }
}
