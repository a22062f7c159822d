//! The pages: plain HTML that works without a script, in light and dark.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::best_change;
use super::print::{attempted, describe, result_name};
use crate::change::Subject;
use crate::evidence::Delta;
use crate::ids::SessionId;
use crate::record::{Entry, SessionEvent, StageResult};
use crate::summary::Summary;
use crate::text;

/// Characters of one body that a page shows; the rest is in the raw events.
const SHOWN: usize = 20_000;

const STYLE: &str = include_str!("page.css");

fn layout(title: &str, refresh: bool, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if refresh { meta http-equiv="refresh" content="2"; }
                title { (title) " · Chaperone" }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
}

/// The newest sessions.
pub(super) fn list(summaries: &[Summary]) -> Markup {
    let body = html! {
        header { h1 { "Sessions" } }
        main {
            @if summaries.is_empty() { p.muted { "No session yet. Label an issue, and it shows here." } }
            @else {
                table {
                    thead { tr { th { "Session" } th { "Asked on" } th { "Outcome" } th.number { "Turns" } th.number { "Cost" } th { "Started" } } }
                    tbody {
                        @for summary in summaries {
                            tr {
                                td { a href={ "/sessions/" (summary.session) } { (title(summary)) } }
                                td { (subject(summary)) }
                                td { (badge(summary)) }
                                td.number { (summary.turns) }
                                td.number { (summary.cost) }
                                td { (started(summary)) }
                            }
                        }
                    }
                }
            }
        }
    };
    layout("Sessions", summaries.iter().any(|summary| summary.outcome.is_none()), &body)
}

/// One session, from its summary down to every event.
pub(super) fn session(summary: &Summary, entries: &[Entry]) -> Markup {
    let body = html! {
        header {
            p.muted { a href="/sessions" { "Sessions" } }
            h1 { (title(summary)) " " (badge(summary)) }
            p.muted { (subject(summary)) " · " (started(summary)) " · " code { (summary.session) } }
        }
        main {
            (facts(summary))
            (stages(summary))
            (delta(&summary.delta))
            (attempts(summary))
            (change(summary, entries))
            h2 { "Events" }
            p.muted {
                (entries.len()) " events · "
                a href={ "/sessions/" (summary.session) "/events" } { "all of them as JSON lines" }
            }
            ol.events { @for run in runs(entries) { (events(summary.session, run)) } }
        }
    };
    layout(&title(summary), summary.outcome.is_none(), &body)
}

fn title(summary: &Summary) -> String {
    match &summary.resolved {
        Some(resolved) => resolved.title(),
        None => match summary.request.as_ref().and_then(|request| request.bump.as_ref()) {
            Some(bump) => format!("Bump {}", text::plain(&bump.to_string())),
            None => "Session".to_owned(),
        },
    }
}

fn subject(summary: &Summary) -> String {
    match summary.request.as_ref().map(|request| &request.subject) {
        Some(Subject::Issue { repo, number, sender, .. }) => format!("{repo} #{number}, by {sender}"),
        Some(Subject::Alert { repo, number, manifest, package, .. }) => {
            format!("{repo} alert {number}, {} in {}", text::plain(package), text::plain(manifest))
        }
        Some(Subject::Local { path }) => path.clone(),
        None => "waiting".to_owned(),
    }
}

fn started(summary: &Summary) -> String {
    summary.started.map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()).unwrap_or_default()
}

fn badge(summary: &Summary) -> Markup {
    let (class, text) = match (summary.outcome, summary.current) {
        (Some(outcome), _) if outcome.is_success() => ("good", outcome.name().to_owned()),
        (Some(outcome), _) => ("bad", outcome.name().to_owned()),
        (None, Some(stage)) => ("live", format!("{} …", stage.title())),
        (None, None) => ("live", "waiting".to_owned()),
    };
    html! { span class={ "badge " (class) } { (text) } }
}

fn facts(summary: &Summary) -> Markup {
    let limits = summary.limits.unwrap_or_default();
    html! {
        @if let Some(outcome) = summary.outcome {
            p { (outcome.sentence()) " " @if !outcome.is_success() { (outcome.next_step()) } }
            @if !outcome.is_success() && !summary.detail.is_empty() { pre { (text::head(&text::plain(&summary.detail), SHOWN)) } }
        }
        @if let Some(url) = &summary.pull_request { p { a href=(url) { "The pull request" } } }
        dl {
            div { dt { "Turns" } dd { (summary.turns) " of " (limits.turns) } }
            div { dt { "Attempts" } dd { (summary.attempts) " of " (limits.attempts) } }
            div { dt { "Cost" } dd { (summary.cost) " of " (limits.cost) } }
            div { dt { "Model calls" } dd { (summary.repair_calls) " repair, " (summary.judge_calls) " judge" } }
            div { dt { "Tokens" } dd { (summary.usage.input_tokens) " in, " (summary.usage.cache_read_input_tokens) " cached, " (summary.usage.output_tokens) " out" } }
        }
        @if let Some((verdict, reason)) = &summary.judge {
            h2 { "Judge: " (verdict) }
            blockquote { (text::plain(reason)) }
        }
    }
}

fn stages(summary: &Summary) -> Markup {
    html! {
        h2 { "Stages" }
        table {
            thead { tr { th { "Stage" } th { "Result" } th { "Detail" } th.number { "Time" } } }
            tbody {
                @for line in &summary.stages {
                    tr {
                        td { (line.stage.title()) }
                        td { span class={ "badge " (result_class(line.result)) } { (result_name(line.result)) } }
                        td.detail { (text::head(&text::plain(&line.detail), 600)) }
                        td.number { (seconds(line.duration_ms)) }
                    }
                }
                @if let Some(stage) = summary.current {
                    tr { td { (stage.title()) } td { span.badge.live { "running" } } td {} td {} }
                }
            }
        }
    }
}

/// What differs from the base, by name.
fn delta(delta: &Delta) -> Markup {
    let lists = [
        ("Newly failing", &delta.newly_failing),
        ("Gone", &delta.vanished),
        ("Newly passing", &delta.newly_passing),
        ("Failing as before", &delta.still_failing),
        ("Flaky", &delta.flaky),
        ("Not verified: fails as a whole, before and after", &delta.unverified),
    ];
    html! {
        @if lists.iter().any(|(_, names)| !names.is_empty()) {
            h2 { "Against the base" }
            dl {
                @for (title, names) in lists {
                    @if !names.is_empty() {
                        div {
                            dt { (title) " (" (names.len()) ")" }
                            dd { (text::head(&text::plain(&names.join(", ")), SHOWN)) }
                        }
                    }
                }
            }
        }
    }
}

fn result_class(result: StageResult) -> &'static str {
    match result {
        StageResult::Ok => "good",
        StageResult::Failed => "bad",
        StageResult::Skipped => "muted",
    }
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

/// What each attempt of the agent came to.
fn attempts(summary: &Summary) -> Markup {
    html! {
        @if !summary.tries.is_empty() {
            h2 { "Attempts" }
            ul { @for attempt in &summary.tries { li { (attempted(attempt)) } } }
        }
    }
}

/// The change that is worth most, as a diff.
fn change(summary: &Summary, entries: &[Entry]) -> Markup {
    html! {
        @if let Some(diff) = best_change(summary, entries) {
            h2 { "Change" }
            details open { summary { "The best tree that was taken out, against the base" } (diff_block(diff)) }
        }
    }
}

fn diff_block(diff: &str) -> Markup {
    let shown = text::head(&text::plain(diff), SHOWN);
    html! {
        pre.diff {
            @for line in shown.lines() {
                span class=(line_class(line)) { (line) "\n" }
            }
        }
    }
}

fn line_class(line: &str) -> &'static str {
    if line.starts_with("diff ") || line.starts_with("+++") || line.starts_with("---") {
        "file"
    } else if line.starts_with('+') {
        "plus"
    } else if line.starts_with('-') {
        "minus"
    } else if line.starts_with("@@") {
        "hunk"
    } else {
        ""
    }
}

/// Entries one by one, and what came in through the door together.
fn runs(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    let is_fetched = |entry: &Entry| matches!(entry.event, SessionEvent::Fetched { .. });
    entries.chunk_by(move |one, next| is_fetched(one) && is_fetched(next))
}

fn events(session: SessionId, run: &[Entry]) -> Markup {
    match run {
        [first, .., last] => html! {
            li {
                span.seq { (first.seq) "–" (last.seq) }
                details {
                    summary { (run.len()) " files fetched" }
                    ol.events { @for entry in run { (event(session, entry)) } }
                }
            }
        },
        run => html! { @for entry in run { (event(session, entry)) } },
    }
}

fn event(session: SessionId, entry: &Entry) -> Markup {
    let (head, short) = describe(&entry.event);
    let full = text::head(&body(&entry.event).unwrap_or(short), SHOWN);
    let full = text::plain(&full);
    html! {
        li id={ "e" (entry.seq) } {
            span.seq { (entry.seq) }
            time { (entry.at.strftime("%H:%M:%S%.3f").to_string()) }
            @if let SessionEvent::Log { .. } = entry.event {
                a href={ "/sessions/" (session) "/log/" (entry.seq) } { (text::plain(&head)) }
            } @else if full.trim().is_empty() { span { (text::plain(&head)) } }
            @else { details { summary { (text::plain(&head)) } pre { (full) } } }
        }
    }
}

/// The whole of an event that a line cannot hold.
fn body(event: &SessionEvent) -> Option<String> {
    match event {
        SessionEvent::ModelRequest { body, .. } | SessionEvent::ModelReply { body, .. } => {
            serde_json::to_string_pretty(body).ok()
        }
        SessionEvent::ToolCall { input, output, .. } => {
            Some(format!("{}\n\n{output}", serde_json::to_string_pretty(input).ok()?))
        }
        SessionEvent::Command { output, .. } => Some(output.clone()),
        SessionEvent::Baseline { run, .. } => serde_json::to_string_pretty(run).ok(),
        SessionEvent::Verified { verdict, .. } => serde_json::to_string_pretty(verdict).ok(),
        SessionEvent::Integrity { findings, .. } if !findings.is_empty() => {
            serde_json::to_string_pretty(findings).ok()
        }
        SessionEvent::Patch { diff, .. } => Some(diff.clone()),
        SessionEvent::Briefed { text, .. } => Some(text.clone()),
        _ => None,
    }
}
