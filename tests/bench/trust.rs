//! The figures of the trust boundary: what verification costs beside the
//! commands that it runs, and how long the gates take on large inputs.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use chaperone::integrity::{self, FilePair};
use serde_json::Value;
use standin::fixtures;

use super::{milliseconds, percentile, say, service, session, variable};

/// Files of the large diff; every third is a test.
const FILES: usize = 1000;
/// Bytes of the large log.
const LOG: usize = 10 * 1024 * 1024;
const ROUNDS: usize = 5;

/// One honest repair, over and over: the longest way through the gate, because
/// nothing is found.
pub(super) fn large_diff() -> Result<()> {
    let pairs: Vec<FilePair> = (0..FILES).map(repaired).collect();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        let findings = integrity::check(&pairs);
        times.push(milliseconds(begin.elapsed()));
        anyhow::ensure!(findings.is_empty(), "an honest repair was stopped: {:?}", findings.first());
    }
    let shown = format!("p50 {:.0} ms", percentile(&mut times, 50));
    say("integrity on a diff of 1,000 files", &shown, "≤ 2000 ms");
    Ok(())
}

fn repaired(number: usize) -> FilePair {
    let (path, body) = match number % 3 {
        0 => (format!("test/m{number}.test.js"), javascript_test()),
        1 => (format!("src/m{number}.ts"), typescript()),
        _ => (format!("src/main/java/app/M{number}.java"), java(number)),
    };
    let before = body.replace("NEW", "old");
    let after = body.replace("NEW", "fresh");
    FilePair { path, before: Some(before.into_bytes()), after: Some(after.into_bytes()) }
}

fn javascript_test() -> String {
    let one = |n: usize| {
        format!(
            "  it('does {n}', async () => {{\n    const got = await NEW(input, {n});\n    expect(got).toEqual({{ value: {n} }});\n  }});\n"
        )
    };
    let tests: String = (0..20).map(one).collect();
    format!("const {{ NEW }} = require('library');\n\ndescribe('library', () => {{\n{tests}}});\n")
}

fn typescript() -> String {
    let one = |n: usize| {
        format!(
            "export function f{n}(text: string): number {{\n  if (!text) {{\n    throw new Error('empty');\n  }}\n  return NEW(text, {n}).length;\n}}\n"
        )
    };
    let functions: String = (0..20).map(one).collect();
    format!("import {{ NEW }} from 'library';\n\n{functions}")
}

fn java(number: usize) -> String {
    let one = |n: usize| {
        format!("    int f{n}(String text) {{\n        return Library.NEW(text, {n}).size();\n    }}\n")
    };
    let methods: String = (0..20).map(one).collect();
    format!("package app;\n\nimport library.Library;\n\nclass M{number} {{\n{methods}}}\n")
}

/// The whole program: the process starts, reads, answers, ends.
pub(super) fn large_log() -> Result<()> {
    let line = "[INFO] Downloading nothing: everything is there already, and this line says so at length\n";
    let error =
        "[ERROR] /work/src/main/java/app/App.java:[3,12] cannot find symbol\n  symbol:   method len()\n";
    let goal = "[ERROR] Failed to execute goal org.apache.maven.plugins:maven-compiler-plugin:3.13.0:compile (default-compile) on project a: Compilation failure\n";
    let mut log = line.repeat(LOG / 2 / line.len());
    while log.len() < LOG - goal.len() {
        log.push_str(error);
    }
    log.push_str(goal);
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        let summary = summarize(&log)?;
        times.push(milliseconds(begin.elapsed()));
        anyhow::ensure!(summary["category"] == "compilation", "another cause was found: {summary}");
    }
    let shown = format!("p50 {:.0} ms", percentile(&mut times, 50));
    say("a Maven log of 10 MB summarised, process and all", &shown, "≤ 200 ms");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the measured program is started as a script starts it")]
fn summarize(log: &str) -> Result<Value> {
    let mut program = Command::new(variable("CHAPERONE_RELEASE")?)
        .args(["plumbing", "summarize", "--tool", "maven"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("could not start the program")?;
    program.stdin.take().context("the program has an input")?.write_all(log.as_bytes())?;
    Ok(serde_json::from_slice(&program.wait_with_output()?.stdout)?)
}

/// What the stage takes beside the commands in its container: the container,
/// the tree, the door, the log.
pub(super) async fn verification() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (github, _model, service) = service(&fixtures::quiet(), dir.path()).await?;
    session(&github, &service, "Bump `ms` to `2.1.2`").await?;
    let (_, events) = session(&github, &service, "Bump `ms` to `2.1.3`").await?;
    service.stop().await?;
    let (stage, commands) = verify_stage(&events).context("the session verified")?;
    let over = stage.saturating_sub(commands);
    let shown = format!("{over} ms over {commands} ms");
    say("verification beside its commands", &shown, &format!("≤ {} ms", 1000 + commands / 20));
    Ok(())
}

/// Milliseconds of the verify stage, and of the commands in it.
fn verify_stage(events: &[Value]) -> Option<(u64, u64)> {
    let is = |event: &Value, name: &str| event["event"] == name && event["stage"] == "verify";
    let start = events.iter().position(|event| is(event, "stage_started"))?;
    let rest = events.get(start..)?;
    let end = rest.iter().position(|event| is(event, "stage_ended"))?;
    let stage = rest.get(end)?["duration_ms"].as_u64()?;
    let commands = rest.get(..end)?.iter().filter(|event| event["event"] == "command");
    Some((stage, commands.filter_map(|event| event["duration_ms"].as_u64()).sum()))
}
