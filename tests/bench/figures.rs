//! The measured figures: `./x bench`. Nothing here passes or fails. `./x bench
//! intake` measures the webhook receiver alone, beside Probot.
//!
//! Needs what the tests need, and the release build of the service.

#![expect(clippy::indexing_slicing, reason = "a JSON value is indexed without a panic")]

mod edits;
mod intake;
mod trust;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chaperone::agent;
use chaperone::exec::{Command, Exec as _, TreeSize};
use chaperone::ids::SessionId;
use chaperone::sandbox::{Container, Sandbox, Settings, Spec};
use serde_json::{Value, json};
use standin::fixtures::{self, Files};
use standin::github::GitHub;
use standin::model::{KEY, Model, Script};
use standin::service::{Service, Setup, free_port};
use tokio::task::JoinSet;

const IMAGE: &str = "chaperone/npm:node22";

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let only_intake = std::env::args().any(|word| word == "intake");
    runtime.block_on(async {
        if only_intake {
            return intake::beside_probot().await;
        }
        edits::one_manifest()?;
        edits::recorded_bumps()?;
        edits::the_same_lockfile().await?;
        trust::large_diff()?;
        trust::large_log()?;
        trust::verification().await?;
        starts().await?;
        round_trips().await?;
        large_tree().await?;
        sessions().await?;
        intake::beside_probot().await
    })
}

#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
fn say(figure: &str, value: &str, target: &str) {
    println!("{figure:<58} {value:>22}   target {target}");
}

fn variable(name: &str) -> Result<PathBuf> {
    Ok(std::env::var_os(name).with_context(|| format!("{name} is not set: run ./x bench"))?.into())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The value below which `share` percent of the sorted times lie.
fn percentile(times: &mut [f64], share: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    let at = (times.len() * share).div_ceil(100).saturating_sub(1);
    times.get(at).copied().unwrap_or_default()
}

fn sandbox() -> Result<Sandbox> {
    Ok(Sandbox::new(Settings {
        socket: "/var/run/docker.sock".into(),
        runtime: None,
        toolbox: variable("CHAPERONE_TOOLBOX")?,
        memory_bytes: 8 << 30,
        cpus: 2.0,
        instance: "bench".into(),
    }))
}

async fn start(sandbox: &Sandbox, tree: TreeSize) -> Result<Container> {
    let spec = Spec {
        session: SessionId::generate(),
        fence: 1,
        role: "bench".into(),
        image: IMAGE.into(),
        ecosystem: chaperone::change::Ecosystem::Npm,
        gateway: None,
        tree,
    };
    Ok(sandbox.start(&spec).await?)
}

/// From nothing to the tool server's first answer, which is its manifest.
async fn first_result(sandbox: &Sandbox) -> Result<f64> {
    let begin = Instant::now();
    let container = start(sandbox, TreeSize::default()).await?;
    agent::connect(container.take_stdio().context("the container has a tool server")?).await?;
    let time = milliseconds(begin.elapsed());
    container.remove().await?;
    Ok(time)
}

async fn starts() -> Result<()> {
    let sandbox = sandbox()?;
    first_result(&sandbox).await?;
    let mut quiet = Vec::new();
    for _ in 0..30 {
        quiet.push(first_result(&sandbox).await?);
    }
    let shown = format!("p50 {:.0} p95 {:.0} ms", percentile(&mut quiet, 50), percentile(&mut quiet, 95));
    say("container create → first tool result, quiet", &shown, "p95 ≤ 400 ms");
    let mut crowd = Vec::new();
    for _ in 0..3 {
        let mut tasks = JoinSet::new();
        for _ in 0..10 {
            let sandbox = sandbox.clone();
            tasks.spawn(async move { first_result(&sandbox).await });
        }
        for time in tasks.join_all().await {
            crowd.push(time?);
        }
    }
    let shown = format!("p50 {:.0} p95 {:.0} ms", percentile(&mut crowd, 50), percentile(&mut crowd, 95));
    say("the same with 10 starting at once", &shown, "p95 ≤ 1500 ms");
    Ok(())
}

async fn round_trips() -> Result<()> {
    let sandbox = sandbox()?;
    let container = start(&sandbox, TreeSize::default()).await?;
    container.write("a.txt", b"hello\n").await?;
    let tools = agent::connect(container.take_stdio().context("the container has a tool server")?).await?;
    let input = json!({ "path": "a.txt" });
    let mut times = Vec::new();
    for _ in 0..1000 {
        let begin = Instant::now();
        tools.call("read_file", &input, Duration::from_secs(5)).await?;
        times.push(milliseconds(begin.elapsed()));
    }
    let shown = format!("p50 {:.2} p99 {:.2} ms", percentile(&mut times, 50), percentile(&mut times, 99));
    say("MCP tool call round trip", &shown, "p50 ≤ 1 ms");
    container.remove().await?;
    Ok(())
}

async fn large_tree() -> Result<()> {
    let sandbox = sandbox()?;
    let mut tar = tar::Builder::new(Vec::new());
    let content = vec![b'x'; 4096];
    for number in 0..50_000_u32 {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o664);
        header.set_size(4096);
        let path = format!("d{}/e{}/f{number}.txt", number % 100, number % 1000);
        tar.append_data(&mut header, path, content.as_slice())?;
    }
    let tar = tar.into_inner()?;
    let container = start(&sandbox, TreeSize { files: 50_000, bytes: 50_000 * 4096 }).await?;
    let begin = Instant::now();
    container.put_tree(&*tar).await?;
    let unpacked = begin.elapsed();
    container.remember_base().await?;
    let remembered = begin.elapsed();
    let edit = "for (let i = 0; i < 30; i++) require('fs').appendFileSync(`d${i}/e${i}/f${i}.txt`, 'y')";
    container.run(Command::new(["node", "-e", edit])).await?;
    let edited = begin.elapsed();
    container.take_changes().await?;
    let total = begin.elapsed() - (edited - remembered);
    let shown = format!("{:.2} s (tar {:.2} s)", total.as_secs_f64(), unpacked.as_secs_f64());
    say("50,000 files (205 MB) in, and the diff out", &shown, "≤ 5 s");
    container.remove().await?;
    Ok(())
}

/// A service with one repository.
async fn service(files: &Files, dir: &std::path::Path) -> Result<(GitHub, Model, Service)> {
    let github = GitHub::start(dir.join("github")).await?;
    github.add_repo("octo/app", files).await?;
    let model = Model::start(Script::default()).await?;
    let setup = Setup {
        chaperone: variable("CHAPERONE_RELEASE")?,
        toolbox: variable("CHAPERONE_TOOLBOX")?,
        dir: dir.to_owned(),
        model_url: model.url().to_owned(),
        model_key: Some(KEY.to_owned()),
        more: String::new(),
        github: standin::service::BRISK.to_owned(),
        port: free_port()?,
    };
    let service = setup.start(&github, None).await?;
    Ok((github, model, service))
}

/// One session from its label to its pull request: the time, and its events.
async fn session(github: &GitHub, service: &Service, title: &str) -> Result<(Duration, Vec<Value>)> {
    let (time, events) = session_on(github, service, "octo/app", title).await?;
    let last = events.last().map(|event| event["outcome"].clone());
    anyhow::ensure!(last == Some(json!("pr_opened")), "the session ended otherwise: {last:?}");
    Ok((time, events))
}

/// One session in one repository, however it ends.
async fn session_on(
    github: &GitHub,
    service: &Service,
    repo: &str,
    title: &str,
) -> Result<(Duration, Vec<Value>)> {
    let number = github.open_issue(repo, title, "");
    let delivery = github.label(repo, number, "agent:bump", "octocat");
    let begin = Instant::now();
    service.deliver(&delivery).await?;
    let summary = service.ended(repo, number, Duration::from_secs(300)).await?;
    let time = begin.elapsed();
    let events = service.events(summary["session"].as_str().unwrap_or_default()).await?;
    Ok((time, events))
}

/// What the package manager, the repository's scripts and the model took.
fn others(events: &[Value]) -> u64 {
    let timed = events.iter().filter(|event| event["event"] == "command" || event["event"] == "model_reply");
    timed.filter_map(|event| event["duration_ms"].as_u64()).sum()
}

async fn sessions() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (github, _model, service) = service(&fixtures::quiet(), &dir.path().join("a")).await?;
    if let Some(pid) = service.pid() {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let rss =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default().trim().to_owned();
        say("service idle, resident memory", &rss, "≤ 40 MiB");
    }
    let (cold, _) = session(&github, &service, "Bump `ms` to `2.1.2`").await?;
    say(
        "no-impact bump, label → pull request, cold cache",
        &format!("{:.1} s", cold.as_secs_f64()),
        "≤ 90 s",
    );
    let (warm, _) = session(&github, &service, "Bump `ms` to `2.1.3`").await?;
    say("the same, warm", &format!("{:.1} s", warm.as_secs_f64()), "≤ 30 s");
    service.stop().await?;

    let (github, _model, service) = self::service(&fixtures::breaking(), &dir.path().join("b")).await?;
    let (time, events) = session(&github, &service, "Bump `marked` to `4.3.0`").await?;
    let own = milliseconds(time) / 1000.0 - Duration::from_millis(others(&events)).as_secs_f64();
    let shown = format!("{own:.2} s of {:.2} s", time.as_secs_f64());
    say("breaking bump: the session's own overhead", &shown, "≤ 2 s");
    service.stop().await
}
