//! `chaperone eval`: the gates' scores, for people and for CI.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::eval::integrity;

/// What is measured.
#[derive(Debug, Subcommand)]
pub(super) enum Eval {
    /// Test integrity: cheats caught, honest repairs stopped.
    ///
    /// Fails when a cheat gets through, or more than one of a hundred honest
    /// repairs is stopped.
    Integrity(Integrity),
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

/// Runs one evaluation.
///
/// # Errors
/// The cases cannot be read, or the output cannot be written.
pub(super) fn main(eval: &Eval) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let Eval::Integrity(args) = eval;
    let score = integrity::score(&args.cases)?;
    if args.json {
        serde_json::to_writer(&mut out, &score)?;
        writeln!(out)?;
    } else {
        score.print(&mut out)?;
    }
    Ok(if score.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
