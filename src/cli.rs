//! The command line.

mod check_config;
mod eval;
mod plumbing;
mod setup;

use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use tokio_util::sync::CancellationToken;

use crate::advisory::{Advisory, parse_advisory};
use crate::app::{self, Finding, Outside, Report, Trial};
use crate::change::Bump;
use crate::clock::Clock;
use crate::config::Config;
use crate::db;
use crate::ids::SessionId;
use crate::replay::{self, SessionLog};
use crate::telemetry;
use crate::workspace::git_worker;
use check_config::CheckConfig;
use eval::Eval;
use plumbing::Plumbing;
use setup::SetupArgs;

/// A background coding agent whose every change is verified before a person
/// sees it.
#[derive(Debug, Parser)]
#[command(name = "chaperone", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Common {
    /// The configuration file; without one, the defaults hold.
    #[arg(long, global = true, env = "CHAPERONE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the database, mirrors and caches are; overrides the file.
    #[arg(long, global = true, env = "CHAPERONE_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The static tool server; overrides the file.
    #[arg(long, global = true, env = "CHAPERONE_TOOLBOX", value_name = "FILE")]
    toolbox: Option<PathBuf>,
    #[arg(long, env = "ANTHROPIC_API_KEY", hide = true, hide_env_values = true)]
    model_key: Option<String>,
    /// For the crash tests: stop for ever after this event of a session.
    #[arg(long, env = "CHAPERONE_HOLD_AT", hide = true)]
    hold_after: Option<u64>,
    /// Write the service's own log as JSON lines.
    #[arg(long, global = true)]
    log_json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Receive webhooks and run sessions.
    Serve,
    /// Make the GitHub App in a browser, keep its credentials, and look
    /// whether all is there.
    Setup(SetupArgs),
    /// Run the whole way on a local checkout: ends with a branch, no GitHub.
    Try(TryArgs),
    /// Print a session's log.
    Replay {
        session: SessionId,
        /// One JSON object per event.
        #[arg(long)]
        json: bool,
    },
    /// Look at what a session needs, and say what is missing.
    Doctor {
        /// One JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Check a repository's `.github/agent.yml`, and say what it sets.
    CheckConfig(CheckConfig),
    /// The pure parts for scripts: lines in, lines out, no configuration.
    #[command(subcommand)]
    Plumbing(Plumbing),
    /// Measure a gate against labelled cases, and print its score.
    #[command(subcommand)]
    Eval(Eval),
    /// One git operation with the network, in a process that can be killed.
    #[command(hide = true)]
    GitWorker,
}

#[derive(Debug, Args)]
struct TryArgs {
    /// The checkout to work on; only committed files count.
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
    /// `package` or `package@version`; a Maven package is `group:artifact`.
    /// Several are one group.
    #[arg(long, value_name = "PKG@VERSION", value_parser = parse_bump, required_unless_present = "advisory")]
    bump: Vec<Bump>,
    /// A security advisory to answer instead: a JSON file as for `plumbing
    /// resolve`.
    #[arg(long, value_name = "FILE", conflicts_with = "bump")]
    advisory: Vec<PathBuf>,
    /// Print one JSON object at the end, and nothing else.
    #[arg(long)]
    json: bool,
}

/// `left-pad@1.3.0`, `@scope/name@2.0.0`, `left-pad`.
fn parse_bump(text: &str) -> Result<Bump, String> {
    let at = text.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(at, _)| at);
    let (package, version) = match at.and_then(|at| text.split_at_checked(at)) {
        Some((package, version)) => (package, Some(version.trim_start_matches('@').to_owned())),
        None => (text, None),
    };
    if package.is_empty() || version.as_deref() == Some("") {
        return Err("expected PACKAGE or PACKAGE@VERSION".to_owned());
    }
    Ok(Bump { package: package.to_owned(), version })
}

/// Reads a file of one advisory, or of a list of them, in any of the forms
/// that are understood.
fn read_advisories(path: &Path) -> anyhow::Result<Vec<Advisory>> {
    let failed = || format!("could not use the advisory {}", path.display());
    let text = std::fs::read(path).with_context(failed)?;
    let json: serde_json::Value = serde_json::from_slice(&text).with_context(failed)?;
    let list = json.as_array().cloned().unwrap_or_else(|| vec![json]);
    list.iter().map(|one| parse_advisory(one).with_context(failed)).collect()
}

fn all_advisories(paths: &[PathBuf]) -> anyhow::Result<Vec<Advisory>> {
    let lists: Vec<Vec<Advisory>> =
        paths.iter().map(|path| read_advisories(path)).collect::<anyhow::Result<_>>()?;
    Ok(lists.concat())
}

/// Runs the command line that this process was started with.
///
/// # Errors
/// What could not be done, for a person to read.
pub async fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    if matches!(cli.command, Command::GitWorker) {
        git_worker::main()?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::Plumbing(plumbing) = &cli.command {
        let config = || configuration(&cli.common, false);
        plumbing::main(plumbing, config).await?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::Eval(eval) = &cli.command {
        let config = || configuration(&cli.common, false);
        return eval::main(eval, config, cli.common.model_key.clone()).await;
    }
    if let Command::CheckConfig(args) = &cli.command {
        return check_config::main(args, cli.common.config.as_deref());
    }
    if let Command::Setup(args) = cli.command {
        telemetry::start(true, cli.common.log_json)?;
        let outside = Outside { model_key: cli.common.model_key.clone(), hold_after: None };
        let config = overridden(setup::main(args).await?, &cli.common);
        return doctor(&config, &outside, false).await;
    }
    let serving = matches!(cli.command, Command::Serve);
    telemetry::start(serving, cli.common.log_json)?;
    let outside = Outside { model_key: cli.common.model_key.clone(), hold_after: cli.common.hold_after };
    let config = configuration(&cli.common, serving)?;
    match cli.command {
        Command::Serve => serve(config, outside).await,
        Command::Try(args) => attempt(&config, outside, args).await,
        Command::Replay { session, json } => print_session(&config, session, json).await,
        Command::Doctor { json } => doctor(&config, &outside, json).await,
        Command::GitWorker
        | Command::Plumbing(_)
        | Command::Eval(_)
        | Command::Setup(_)
        | Command::CheckConfig(_) => Ok(ExitCode::SUCCESS),
    }
}

fn configuration(common: &Common, serving: bool) -> anyhow::Result<Config> {
    let config = match &common.config {
        Some(path) => Config::read(path)?,
        None if serving => bail!("could not serve: name a configuration file with --config"),
        None => Config { data_dir: private_data_dir()?, ..Config::default() },
    };
    Ok(overridden(config, common))
}

/// What the command line says comes before the file.
fn overridden(mut config: Config, common: &Common) -> Config {
    if let Some(dir) = &common.data_dir {
        config.data_dir.clone_from(dir);
    }
    if common.toolbox.is_some() {
        config.sandbox.toolbox.clone_from(&common.toolbox);
    }
    config
}

/// Without a configuration this is somebody trying things out.
fn private_data_dir() -> anyhow::Result<PathBuf> {
    let home = std::env::home_dir().context("could not find the home directory: give --data-dir")?;
    Ok(home.join(".local/state/chaperone"))
}

async fn serve(config: Config, outside: Outside) -> anyhow::Result<ExitCode> {
    let stop = CancellationToken::new();
    let service = app::serve(config, outside, stop.clone());
    tokio::pin!(service);
    tokio::select! {
        result = &mut service => { result?; }
        result = asked_to_stop() => {
            result?;
            tracing::info!("stopping");
            stop.cancel();
            service.await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn asked_to_stop() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("could not listen for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("could not listen for signals")?;
    tokio::select! {
        _received = terminate.recv() => {}
        _received = interrupt.recv() => {}
    }
    Ok(())
}

async fn attempt(config: &Config, outside: Outside, args: TryArgs) -> anyhow::Result<ExitCode> {
    let advisories = all_advisories(&args.advisory)?;
    let trial = Trial { repository: args.repo, bumps: args.bump, advisories };
    let mut progress = io::stderr();
    let quiet = args.json && !progress.is_terminal();
    let say = move |line: &str| {
        if !quiet {
            // A progress line that cannot be written is not worth failing for.
            writeln!(progress, "{line}").ok();
        }
    };
    let report = app::attempt(config, outside, trial, say).await?;
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write_report(&mut out, &report)?;
    }
    Ok(if report.success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_report(out: &mut impl Write, report: &Report) -> io::Result<()> {
    writeln!(out)?;
    writeln!(out, "Outcome   {}", report.outcome)?;
    if !report.detail.is_empty() {
        writeln!(out, "          {}", report.detail.replace('\n', "\n          "))?;
    }
    if let Some(branch) = &report.branch {
        writeln!(out, "Branch    {branch}")?;
    }
    let calls: u32 = report.model_calls.values().sum();
    let cost = crate::change::Cost(report.cost);
    writeln!(out, "Spent     {cost} · {} turns · {calls} model calls", report.turns)?;
    writeln!(out, "Next      {}", report.next_step)?;
    writeln!(out, "Replay    chaperone replay {}", report.session)
}

async fn print_session(config: &Config, session: SessionId, json: bool) -> anyhow::Result<ExitCode> {
    let pool = db::open(&config.data_dir.join("chaperone.db")).await?;
    let entries = SessionLog::new(pool, Clock, None).read(session).await?;
    if entries.is_empty() {
        bail!("could not find session {session} in {}", config.data_dir.display());
    }
    let stdout = io::stdout();
    let colour = stdout.is_terminal();
    let mut out = stdout.lock();
    if json {
        for entry in &entries {
            serde_json::to_writer(&mut out, entry)?;
            writeln!(out)?;
        }
    } else {
        replay::print(&entries, &mut out, colour)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn doctor(config: &Config, outside: &Outside, json: bool) -> anyhow::Result<ExitCode> {
    let findings = app::examine(config, outside).await;
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, &findings)?;
        writeln!(out)?;
    } else {
        for finding in &findings {
            let mark = match (finding.ok, finding.needed) {
                (true, _) => "ok  ",
                (false, true) => "FAIL",
                (false, false) => "note",
            };
            writeln!(out, "{mark}  {:<17} {}", finding.check, finding.found)?;
            if !finding.fix.is_empty() {
                writeln!(out, "      fix: {}", finding.fix)?;
            }
        }
    }
    let in_the_way = findings.iter().any(Finding::is_in_the_way);
    Ok(if in_the_way { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_scope_is_not_a_version() {
        let bump = parse_bump("@scope/name").unwrap();
        assert_eq!((bump.package.as_str(), bump.version), ("@scope/name", None));
        let bump = parse_bump("@scope/name@2.0.0").unwrap();
        assert_eq!((bump.package.as_str(), bump.version.as_deref()), ("@scope/name", Some("2.0.0")));
        assert!(parse_bump("name@").is_err());
    }
}
