//! The demo: a label becomes a judged pull request, on this machine.
//!
//! Starts the stand-in GitHub, a model, and the real service; labels two
//! issues; says what happens; ends with links, or with one JSON object.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use serde_json::{Value, json};
use standin::fixtures;
use standin::github::GitHub;
use standin::model::{KEY, Model, Script};
use standin::service::{Service, Setup, free_port};

/// How long one session of the demo may take.
const LIMIT: Duration = Duration::from_secs(600);

#[derive(Debug, Parser)]
#[command(about = "Runs the main job against a stand-in GitHub")]
struct Args {
    /// The `chaperone` program.
    #[arg(long)]
    chaperone: PathBuf,
    /// The static tool server.
    #[arg(long)]
    toolbox: PathBuf,
    /// End when the sessions have ended, instead of staying up.
    #[arg(long)]
    once: bool,
    /// Print one JSON object at the end, and progress on standard error.
    #[arg(long)]
    json: bool,
    #[arg(long, env = "ANTHROPIC_API_KEY", hide = true, hide_env_values = true)]
    model_key: Option<String>,
}

/// One session of the demo.
struct Story {
    repo: &'static str,
    title: &'static str,
}

/// A breaking major, which needs a repair; then a bump that breaks nothing.
const STORIES: [Story; 2] = [
    Story { repo: "octo/breaking", title: "Bump `marked` to `4.3.0`" },
    Story { repo: "octo/quiet", title: "Bump `ms` to `2.1.3`" },
];

fn say(line: &str) {
    // Progress that cannot be written is not worth failing for.
    writeln!(std::io::stderr(), "{line}").ok();
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(demo(&args)));
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("demo: {error:#}"));
            ExitCode::from(2)
        }
    }
}

async fn demo(args: &Args) -> anyhow::Result<bool> {
    let dir = tempdir()?;
    let github = GitHub::start(dir.join("github")).await?;
    github.add_repo("octo/breaking", &fixtures::breaking()).await?;
    github.add_repo("octo/quiet", &fixtures::quiet()).await?;
    let scripted = Model::start(Script::default()).await?;
    let real = args.model_key.as_deref().is_some_and(|key| !key.is_empty());
    let setup = Setup {
        chaperone: args.chaperone.clone(),
        toolbox: args.toolbox.clone(),
        dir: dir.clone(),
        model_url: if real { "https://api.anthropic.com".to_owned() } else { scripted.url().to_owned() },
        model_key: (!real).then(|| KEY.to_owned()),
        more: String::new(),
        port: free_port()?,
    };
    let model = if real { "api" } else { "scripted" };
    say(match model {
        "api" => "model: the real API, because ANTHROPIC_API_KEY is set",
        _ => "model: the SCRIPTED server; set ANTHROPIC_API_KEY for the real one",
    });
    let service = setup.start(&github, None).await?;
    say(&format!("service: {}   stand-in GitHub: {}", service.url(), github.web_url()));
    let mut told = Vec::new();
    for story in &STORIES {
        told.push(tell(&github, &service, story).await?);
    }
    let good =
        told.iter().all(succeeded) && told.last().is_some_and(|quiet| quiet["model_calls"]["repair"] == 0);
    report(args, model, &told)?;
    if !args.once {
        say("\nStaying up: look at the links. Ctrl-C ends.");
        tokio::signal::ctrl_c().await.context("could not wait for Ctrl-C")?;
    }
    service.stop().await?;
    std::fs::remove_dir_all(dir).context("could not clear up")?;
    Ok(good)
}

fn tempdir() -> anyhow::Result<PathBuf> {
    let dir = std::env::temp_dir().join(format!("chaperone-demo-{}", std::process::id()));
    std::fs::create_dir_all(&dir).with_context(|| format!("could not make {}", dir.display()))?;
    Ok(dir)
}

/// Labels the issue, follows the session, and returns what came of it.
async fn tell(github: &GitHub, service: &Service, story: &Story) -> anyhow::Result<Value> {
    let number = github.open_issue(story.repo, story.title, "");
    say(&format!("\n{}#{number}: octocat labels \"{}\" with agent:bump", story.repo, story.title));
    let delivery = github.label(story.repo, number, "agent:bump", "octocat");
    let (status, answer) = service.deliver(&delivery).await?;
    say(&format!("  webhook answered {status} {answer}"));
    let receipt: Value = serde_json::from_str(&answer).unwrap_or_default();
    let session = receipt["session"].as_str().context("the delivery started no session")?.to_owned();
    let summary = follow(service, story.repo, number, &session).await?;
    let repo = github.repo(story.repo);
    let checks: serde_json::Map<String, Value> = repo
        .checks
        .values()
        .map(|check| {
            (check.body["name"].as_str().unwrap_or_default().to_owned(), check.body["conclusion"].clone())
        })
        .collect();
    Ok(json!({
        "repository": story.repo,
        "outcome": summary["outcome"],
        "pull_request": summary["pull_request"],
        "session": format!("{}/sessions/{session}", service.url()),
        "checks": checks,
        "stages": summary["stages"],
        "turns": summary["turns"],
        "cost": summary["cost"],
        "model_calls": { "repair": summary["repair_calls"], "judge": summary["judge_calls"] },
    }))
}

/// Says every stage as it ends.
async fn follow(service: &Service, repo: &str, number: u64, session: &str) -> anyhow::Result<Value> {
    let progress = async {
        let mut seen = 0;
        loop {
            let events = service.events(session).await.unwrap_or_default();
            for event in events.iter().skip(seen) {
                progress_line(event);
            }
            seen = events.len();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        ended = service.ended(repo, number, LIMIT) => ended,
        () = progress => anyhow::bail!("could not follow the session"),
    }
}

fn progress_line(event: &Value) {
    let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
    match event["event"].as_str() {
        Some("stage_ended") => {
            let detail = text("detail").replace('\n', " ");
            say(&format!(
                "  {:<10} {:<8} {:>6} ms  {detail}",
                text("stage"),
                text("result"),
                event["duration_ms"]
            ));
        }
        Some("tool_call") => {
            say(&format!("             tool {} ({} ms)", text("tool"), event["duration_ms"]))
        }
        _ => {}
    }
}

fn succeeded(story: &Value) -> bool {
    let checks = story["checks"].as_object();
    story["outcome"] == "pr_opened"
        && checks.is_some_and(|checks| {
            checks.len() == 3 && checks.values().all(|conclusion| conclusion == "success")
        })
}

fn report(args: &Args, model: &str, told: &[Value]) -> anyhow::Result<()> {
    for story in told {
        say(&format!(
            "\n{}: {}\n  pull request  {}\n  session       {}",
            story["repository"].as_str().unwrap_or_default(),
            story["outcome"].as_str().unwrap_or_default(),
            story["pull_request"].as_str().unwrap_or("none"),
            story["session"].as_str().unwrap_or_default(),
        ));
    }
    if args.json {
        let [breaking, quiet] = told else { anyhow::bail!("the demo tells two stories") };
        let mut object = breaking.clone();
        object["model"] = json!(model);
        object["quiet"] = quiet.clone();
        writeln!(std::io::stdout(), "{object}").context("could not write the report")?;
    }
    Ok(())
}
