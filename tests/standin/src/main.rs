//! The demo: a label becomes a judged pull request, on this machine.
//!
//! Starts the stand-in GitHub, a model, and the real service; labels three
//! issues and finds one alert; asks once more in a comment, requests changes
//! and merges; says what happens; ends with links, or with one JSON object.

mod walk;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use serde_json::{Value, json};
use standin::fixtures::{self, Files};
use standin::github::{Alert, Delivery, GitHub};
use standin::model::{Agent, Edit, KEY, Model, Script};
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
    /// Its key in the report.
    name: &'static str,
    repo: &'static str,
    files: Files,
    asked: Asked,
    /// Is there something for the model to repair?
    breaks: bool,
}

/// What starts a session.
enum Asked {
    /// Somebody labels an issue with this title.
    Label(&'static str),
    /// GitHub finds an advisory for a package of the lockfile.
    Alert(Alert),
}

/// A breaking major and a bump that breaks nothing, for npm; a breaking major
/// in a Maven build of several modules; an alert on a package that another
/// one pulls in.
fn stories() -> [Story; 4] {
    [
        Story {
            name: "breaking",
            repo: "octo/breaking",
            files: fixtures::breaking(),
            asked: Asked::Label("Bump `marked` to `4.3.0`"),
            breaks: true,
        },
        Story {
            name: "quiet",
            repo: "octo/quiet",
            files: fixtures::quiet(),
            asked: Asked::Label("Bump `ms` to `2.1.3`"),
            breaks: false,
        },
        Story {
            name: "maven",
            repo: "octo/modules",
            files: fixtures::modules(),
            asked: Asked::Label("Bump `org.jsoup:jsoup` to `1.15.4`"),
            breaks: true,
        },
        Story {
            name: "alert",
            repo: "octo/alert",
            files: fixtures::alert(),
            asked: Asked::Alert(Alert::npm("cookie", "GHSA-pxg6-pf52-xh8x", "< 0.7.0", Some("0.7.0"))),
            breaks: false,
        },
    ]
}

/// The scripted model repairs what each story breaks.
fn script() -> Script {
    let safelist = |path: &str, old: &str| Edit {
        path: path.to_owned(),
        old: old.to_owned(),
        new: old.replace("Whitelist", "Safelist"),
    };
    let comment = "comments/src/main/java/com/example/comments/Comment.java";
    let page = "site/src/main/java/com/example/site/Page.java";
    let import = "import org.jsoup.safety.Whitelist;";
    let edits = vec![
        safelist(comment, import),
        safelist(comment, "Whitelist.basic()"),
        safelist(page, import),
        safelist(page, "Whitelist.none()"),
    ];
    let about = vec![
        (walk::WORDS.to_owned(), Agent::Edits(vec![walk::edit()])),
        ("org.jsoup:jsoup".to_owned(), Agent::Edits(edits)),
        ("marked".to_owned(), Agent::Repair),
    ];
    Script { agent: Agent::About(about), ..Script::default() }
}

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
    let stories = stories();
    for story in &stories {
        github.add_repo(story.repo, &story.files).await?;
    }
    let scripted = Model::start(script()).await?;
    let real = args.model_key.as_deref().is_some_and(|key| !key.is_empty());
    let setup = Setup {
        chaperone: args.chaperone.clone(),
        toolbox: args.toolbox.clone(),
        dir: dir.clone(),
        model_url: if real { "https://api.anthropic.com".to_owned() } else { scripted.url().to_owned() },
        model_key: (!real).then(|| KEY.to_owned()),
        more: String::new(),
        github: "write_pause_ms = 50\nedit_pause_ms = 200\n".to_owned(),
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
    for story in &stories {
        told.push(tell(&github, &service, story).await?);
    }
    let mut good = stories.iter().zip(&told).all(|(story, told)| succeeded(story, told));
    let opened =
        told.first().and_then(|told| told["pull_request"].as_str()?.rsplit('/').next()?.parse().ok());
    if let (Some(story), Some(pull)) = (stories.first(), opened) {
        let walk = walk::Walk { github: &github, service: &service, repo: story.repo, pull };
        let steps = walk.go().await?;
        good &= walk::succeeded(&steps);
        if let Some(told) = told.first_mut() {
            told["then"] = Value::Array(steps);
        }
    }
    report(args, model, &stories, &told)?;
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

/// Does what starts a session; returns the delivery that tells of it.
fn ask(github: &GitHub, story: &Story) -> Delivery {
    match &story.asked {
        Asked::Label(title) => {
            let number = github.open_issue(story.repo, title, "");
            say(&format!("\n{}#{number}: octocat labels \"{title}\" with agent:bump", story.repo));
            github.label(story.repo, number, "agent:bump", "octocat")
        }
        Asked::Alert(alert) => {
            let number = github.add_alert(story.repo, alert.clone());
            say(&format!("\n{}: Dependabot alert {number}, {} on {}", story.repo, alert.ghsa, alert.package));
            github.alert_delivery(story.repo, number, "created")
        }
    }
}

/// Starts the session, follows it, and returns what came of it.
async fn tell(github: &GitHub, service: &Service, story: &Story) -> anyhow::Result<Value> {
    let delivery = ask(github, story);
    let (status, answer) = service.deliver(&delivery).await?;
    say(&format!("  webhook answered {status} {answer}"));
    let receipt: Value = serde_json::from_str(&answer).unwrap_or_default();
    let session = receipt["session"].as_str().context("the delivery started no session")?.to_owned();
    let summary = sessions_end(service, &session, LIMIT).await?;
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

/// Says every stage as it ends, and returns the ended session's summary.
async fn sessions_end(service: &Service, session: &str, limit: Duration) -> anyhow::Result<Value> {
    let mut seen = 0;
    let ended = async {
        loop {
            let sessions = service.sessions().await?;
            let events = service.events(session).await.unwrap_or_default();
            for event in events.iter().skip(seen) {
                progress_line(event);
            }
            seen = events.len();
            let summary = sessions.into_iter().find(|summary| summary["session"] == session);
            if let Some(summary) = summary.filter(|summary| !summary["outcome"].is_null()) {
                return Ok(summary);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(limit, ended).await.with_context(|| format!("session {session} did not end"))?
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

fn succeeded(story: &Story, told: &Value) -> bool {
    let checks = told["checks"].as_object();
    told["outcome"] == "pr_opened"
        && (story.breaks || told["model_calls"]["repair"] == 0)
        && checks.is_some_and(|checks| {
            checks.len() == 3 && checks.values().all(|conclusion| conclusion == "success")
        })
}

/// The first story is the object that is printed; the others are in it.
fn report(args: &Args, model: &str, stories: &[Story], told: &[Value]) -> anyhow::Result<()> {
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
        let mut object = told.first().cloned().context("the demo tells no story")?;
        object["model"] = json!(model);
        for (story, told) in stories.iter().zip(told).skip(1) {
            object[story.name] = told.clone();
        }
        writeln!(std::io::stdout(), "{object}").context("could not write the report")?;
    }
    Ok(())
}
