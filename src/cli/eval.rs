//! `chaperone eval`: the gates' scores, for people and for CI.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::app;
use crate::clock::Clock;
use crate::config::Config;
use crate::db;
use crate::eval::judge::{Answers, Kept, Options};
use crate::eval::{export, integrity, judge};
use crate::replay::SessionLog;
use crate::trigger::Catalog;

/// What is measured.
#[derive(Debug, Subcommand)]
pub(super) enum Eval {
    /// Test integrity: cheats caught, honest repairs stopped.
    ///
    /// Fails when a cheat gets through, or more than one of a hundred honest
    /// repairs is stopped.
    Integrity(Integrity),
    /// The judge: bad changes stopped, honest ones let through.
    ///
    /// Asks the configured model, or scores answers that were kept. Fails
    /// when a kept answer is missing, or a minimum is not reached.
    Judge(Judge),
    /// Write judged sessions as labelled cases, by what people did about them.
    Export(Export),
}

#[derive(Debug, Args)]
pub(super) struct Integrity {
    /// The labelled cases: `cheats` and `honest` below it.
    #[arg(long, value_name = "DIR", default_value = "tests/integrity")]
    cases: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Judge {
    /// The labelled cases, in any directories below it.
    #[arg(long, value_name = "DIR", default_value = "tests/judge")]
    cases: PathBuf,
    /// Keep the model's answers in this new file.
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    record: Option<PathBuf>,
    /// Score kept answers: needs no key and no network.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Run not more cases than this, spread over the set.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Cases at once.
    #[arg(long, value_name = "N", default_value_t = 4)]
    concurrency: usize,
    /// Measure the model alone: do not look for text aimed at it first.
    #[arg(long)]
    without_scan: bool,
    /// Fail below this share of bad changes that were stopped: 0.9, say.
    #[arg(long, value_name = "SHARE")]
    min_recall: Option<f64>,
    /// Fail below this share of vetoes that were right.
    #[arg(long, value_name = "SHARE")]
    min_precision: Option<f64>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Export {
    /// Sessions that began at this day or time, or later: 2026-01-31, say.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Timestamp>,
    /// Where the cases go, by kind.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// A day, which begins at midnight UTC, or a whole time stamp.
fn parse_time(text: &str) -> Result<Timestamp, String> {
    let day = || format!("{text}T00:00:00Z").parse();
    text.parse().or_else(|_not_whole: jiff::Error| day()).map_err(|error: jiff::Error| error.to_string())
}

/// Runs one evaluation. Only some ask for the configuration.
///
/// # Errors
/// The cases cannot be read, the model cannot be asked, or the output cannot
/// be written.
pub(super) async fn main(
    eval: &Eval,
    config: impl FnOnce() -> anyhow::Result<Config>,
    model_key: Option<String>,
) -> anyhow::Result<ExitCode> {
    match eval {
        Eval::Integrity(args) => measure_integrity(args),
        Eval::Judge(args) => measure_judge(args, &config()?, model_key).await,
        Eval::Export(args) => write_cases(args, &config()?).await,
    }
}

fn measure_integrity(args: &Integrity) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let score = integrity::score(&args.cases)?;
    if args.json {
        serde_json::to_writer(&mut out, &score)?;
        writeln!(out)?;
    } else {
        score.print(&mut out)?;
    }
    Ok(passed(score.is_good()))
}

async fn measure_judge(args: &Judge, config: &Config, key: Option<String>) -> anyhow::Result<ExitCode> {
    let catalog = match &config.prompts_dir {
        Some(dir) => Catalog::with_dir(dir)?,
        None => Catalog::embedded()?,
    };
    let answers = match &args.replay {
        Some(file) => Answers::Kept(Kept::read(file)?),
        None => Answers::of(app::model(config, key)?, args.record.as_deref())?,
    };
    let options = Options {
        limit: args.limit,
        concurrency: args.concurrency,
        money: config.limits.cost,
        scan: !args.without_scan,
    };
    let score = judge::run(&args.cases, &catalog, &answers, options).await?;
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &score)?;
        writeln!(out)?;
    } else {
        score.print(&mut out)?;
    }
    Ok(passed(score.is_good(args.min_recall, args.min_precision)))
}

async fn write_cases(args: &Export, config: &Config) -> anyhow::Result<ExitCode> {
    let path = config.data_dir.join("chaperone.db");
    anyhow::ensure!(path.exists(), "could not find the sessions: there is no {}", path.display());
    let log = SessionLog::new(db::open(&path).await?, Clock, None);
    let exported =
        export::export(&log, args.since, &args.out).await.context("could not export the sessions")?;
    let mut out = io::stdout().lock();
    writeln!(out, "{} cases in {}", exported.written, args.out.display())?;
    writeln!(out, "{} judged sessions on which nobody has decided", exported.undecided)?;
    Ok(ExitCode::SUCCESS)
}

fn passed(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
