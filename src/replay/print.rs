//! A session's log for a terminal.

use std::io::{self, Write};

use crate::advisory::Proof;
use crate::change::{Bump, Limits};
use crate::evidence::{Criterion, Quoted};
use crate::record::{Attempt, Entry, Moment, Origin, SessionEvent, StageResult};
use crate::text;

/// Characters of a body that a line shows.
const SHOWN: usize = 400;

/// Prints every entry, with colour if the reader has it.
///
/// # Errors
/// The output cannot be written.
pub fn print(entries: &[Entry], out: &mut dyn Write, colour: bool) -> io::Result<()> {
    for entry in entries {
        let (head, body) = describe(&entry.event);
        let at = entry.at.strftime("%H:%M:%S%.3f");
        let (bold, plain) = if colour { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
        writeln!(out, "{:>4}  {at}  {bold}{}{plain}", entry.seq, text::plain(&head))?;
        for line in text::plain(&body).lines() {
            writeln!(out, "                      {line}")?;
        }
    }
    Ok(())
}

/// A line, and what stands below it.
pub(super) fn describe(event: &SessionEvent) -> (String, String) {
    let short = |text: &str| text::head(text, SHOWN);
    match event {
        SessionEvent::Started { run, request, version, .. } => {
            (format!("started, run {run}, version {version}"), request.subject.key())
        }
        SessionEvent::Permission { login, permission, moment } => {
            let when = if *moment == Moment::Push { ", before the push" } else { "" };
            (format!("{login} has the permission {}{when}", permission.name()), String::new())
        }
        SessionEvent::Aimed { aim } => {
            let how = if aim.on_top { "on top of" } else { "in place of" };
            let head = aim.head.short();
            (format!("for pull request {}, {how} {head} of {}", aim.pull, aim.branch), String::new())
        }
        SessionEvent::Checkout { base } => {
            (format!("base {} of {}", base.commit, base.branch), String::new())
        }
        SessionEvent::Configured { limits } => {
            let Limits { turns, agent_seconds, attempts, cost } = limits;
            let limits = format!("{turns} turns, {agent_seconds} s, {attempts} attempts, {cost}");
            (format!("the repository's own settings hold, with limits of {limits}"), String::new())
        }
        SessionEvent::Advisories { advisories } => {
            (format!("{} open advisories", advisories.len()), short(&json(advisories)))
        }
        SessionEvent::Resolved { resolved } => (resolved.title(), String::new()),
        SessionEvent::Tried { packages, red } => (tried(packages, *red), String::new()),
        SessionEvent::Split { now, left } => (split(now, left), String::new()),
        SessionEvent::Briefed { affected, text, .. } => (format!("briefing: {affected}"), short(text)),
        SessionEvent::Proved { proof } => (proved(proof), short(&json(proof))),
        SessionEvent::StageStarted { stage } => (format!("{} …", stage.title()), String::new()),
        SessionEvent::StageEnded { stage, result, detail, duration_ms } => {
            (format!("{}: {} in {duration_ms} ms", stage.title(), result_name(*result)), detail.clone())
        }
        SessionEvent::Command { .. }
        | SessionEvent::Log { .. }
        | SessionEvent::Baseline { .. }
        | SessionEvent::Fetched { .. } => in_container(event),
        SessionEvent::ModelRequest { .. }
        | SessionEvent::ModelReply { .. }
        | SessionEvent::ModelError { .. }
        | SessionEvent::ToolCall { .. } => conversation(event),
        SessionEvent::Patch { attempt, files, .. } => {
            let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
            (format!("patch of attempt {attempt}"), paths.join("\n"))
        }
        SessionEvent::Attempted { attempt } => (attempted(attempt), String::new()),
        SessionEvent::Verified { verdict, .. } => ("verdict".to_owned(), short(&json(verdict))),
        SessionEvent::Integrity { findings, .. } => {
            (format!("{} findings", findings.len()), short(&json(findings)))
        }
        SessionEvent::Judged { .. }
        | SessionEvent::Appealed { .. }
        | SessionEvent::Accepted { .. }
        | SessionEvent::Intent { .. }
        | SessionEvent::Effect { .. }
        | SessionEvent::Ended { .. }
        | SessionEvent::HumanDecision { .. } => settled(event),
    }
}

/// What the model was asked, said and did.
fn conversation(event: &SessionEvent) -> (String, String) {
    let short = |text: &str| text::head(text, SHOWN);
    match event {
        SessionEvent::ModelRequest { caller, call, body } => {
            (format!("request {call} of the {caller:?}").to_lowercase(), short(&last_message(body)))
        }
        SessionEvent::ModelReply { caller, call, body, cost, duration_ms, .. } => {
            let head = format!("reply {call} to the {caller:?} ({cost}, {duration_ms} ms)").to_lowercase();
            (head, short(&body.get("content").map(ToString::to_string).unwrap_or_default()))
        }
        SessionEvent::ModelError { message, retry_in_ms, .. } => {
            let then = retry_in_ms.map_or_else(String::new, |wait| format!(", again in {wait} ms"));
            (format!("no reply{then}"), message.clone())
        }
        SessionEvent::ToolCall { tool, input, output, is_error, duration_ms } => {
            let how = if *is_error { "refused" } else { "ok" };
            (
                format!("tool {tool} ({how}, {duration_ms} ms)"),
                format!("{}\n{}", short(&input.to_string()), short(output)),
            )
        }
        // Everything else has a line of its own.
        other => (other.name().to_owned(), String::new()),
    }
}

pub(super) fn attempted(attempt: &Attempt) -> String {
    let Attempt { number, stopped, turns, time_ms, cost, .. } = attempt;
    let seconds = time_ms / 1000;
    let judged = match attempt.refused {
        None => "accepted".to_owned(),
        Some(outcome) if attempt.best == attempt.tree => format!("{outcome}, the best tree so far"),
        Some(outcome) => format!("{outcome}, taken back"),
    };
    format!("attempt {number}: {}, {turns} turns, {seconds} s, {cost}; {judged}", stopped.title())
}

/// What was done in a container, and what came in.
fn in_container(event: &SessionEvent) -> (String, String) {
    match event {
        SessionEvent::Command { container, argv, exit, output, duration_ms } => {
            (format!("{container}$ {} ({exit}, {duration_ms} ms)", argv.join(" ")), text::tail(output, SHOWN))
        }
        // Never printed whole: the session page has it.
        SessionEvent::Log { container, argv, bytes, .. } => {
            (format!("log of {container}$ {} ({bytes} bytes)", argv.join(" ")), String::new())
        }
        SessionEvent::Baseline { run, cached } => (baseline(cached.as_ref()), text::head(&json(run), SHOWN)),
        SessionEvent::Fetched { url, bytes, from_cache, sha256 } => {
            let source = if *from_cache { "cache" } else { "registry" };
            (format!("fetched {url} ({bytes} bytes, {source})"), format!("sha256 {sha256}"))
        }
        _ => (event.name().to_owned(), String::new()),
    }
}

fn baseline(cached: Option<&Origin>) -> String {
    match cached {
        None => "baseline".to_owned(),
        Some(Origin { session, at }) => format!("baseline, cached: session {session} ran it at {at}"),
    }
}

fn tried(packages: &[String], red: bool) -> String {
    format!("{} alone: {}", packages.join(" with "), if red { "red" } else { "green" })
}

fn split(now: &[Bump], left: &[Bump]) -> String {
    let named = |bumps: &[Bump]| bumps.iter().map(Bump::to_string).collect::<Vec<_>>().join(", ");
    format!("{} now, {} left", named(now), named(left))
}

fn proved(proof: &Proof) -> String {
    let holds = if proof.holds() { "holds" } else { "fails" };
    format!("proof for {} {holds}: {} installed copies", proof.package, proof.copies.len())
}

/// From the judge's word on.
fn settled(event: &SessionEvent) -> (String, String) {
    match event {
        SessionEvent::Judged { verdict, reason, shadow, criteria, .. } => {
            (judge_said(verdict, *shadow), judged(reason, criteria))
        }
        SessionEvent::Appealed { of, reason, first, second, .. } => (
            format!("appeal against session {of}: {} then, {} now", first.verdict, second.verdict),
            format!("{}\nthen: {}\nnow: {}", text::head(reason, SHOWN), first.reason, second.reason),
        ),
        SessionEvent::Accepted { commit_at, .. } => {
            (format!("accepted, commit dated {commit_at}"), String::new())
        }
        SessionEvent::Intent { effect, key } => (format!("about to {effect} {key}"), String::new()),
        SessionEvent::Effect { effect, key, result } => (format!("done: {effect} {key}"), result.clone()),
        SessionEvent::Ended { outcome, detail, .. } => (format!("ended: {outcome}"), detail.clone()),
        SessionEvent::HumanDecision { pull_request, merged, by, .. } => {
            (person_did(*merged, by), pull_request.clone())
        }
        earlier => (earlier.name().to_owned(), String::new()),
    }
}

fn judge_said(verdict: &str, shadow: bool) -> String {
    format!("judge{}: {verdict}", if shadow { " (shadow)" } else { "" })
}

fn person_did(merged: bool, by: &str) -> String {
    format!("{} by {by}", if merged { "merged" } else { "closed without a merge" })
}

/// The reason, then each answer with the lines that it rests on.
fn judged(reason: &str, criteria: &[Criterion]) -> String {
    let mut lines = vec![reason.to_owned()];
    for Criterion { name, ok, note, evidence } in criteria {
        let ok = if *ok { "yes" } else { "no" };
        lines.push(format!("{name}: {ok} · {}", text::head(note, SHOWN)));
        lines
            .extend(evidence.iter().map(|Quoted { file, line, text, .. }| format!("  {file}:{line} {text}")));
    }
    lines.join("\n")
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn last_message(body: &serde_json::Value) -> String {
    let messages = body.get("messages").and_then(serde_json::Value::as_array);
    messages.and_then(|messages| messages.last()).map(ToString::to_string).unwrap_or_default()
}

pub(super) fn result_name(result: StageResult) -> &'static str {
    match result {
        StageResult::Ok => "ok",
        StageResult::Failed => "failed",
        StageResult::Skipped => "skipped",
    }
}
