//! `chaperone plumbing summarize`: a failing log in, its causes out. A log
//! may hold any bytes; of one without an end only the first part is read.

use std::io::{self, Read as _, Write as _};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::verify::digest::{self, Category, Cause};

/// Bytes of a log that are read.
const CAP: u64 = 64 * 1024 * 1024;

#[derive(Debug, Args)]
pub(in crate::cli) struct Whose {
    /// What wrote the log.
    #[arg(long, value_enum)]
    tool: Tool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Tool {
    Npm,
    Maven,
}

/// The object that is written.
#[derive(Debug, Serialize)]
struct Answer {
    category: Category,
    causes: Vec<Cause>,
    lines: Vec<String>,
}

/// Reads the standard input to its end, and writes one line.
pub(super) fn main(whose: &Whose) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(CAP).read_to_end(&mut bytes).context("could not read the log")?;
    let log = String::from_utf8_lossy(&bytes);
    let tool = match whose.tool {
        Tool::Npm => digest::Tool::Npm,
        Tool::Maven => digest::Tool::Maven,
    };
    let digest::Summary { category, causes, lines } = digest::summarize(tool, &log);
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &Answer { category, causes, lines })
        .context("could not write the summary")?;
    writeln!(out).context("could not write the summary")
}
