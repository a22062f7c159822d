//! `chaperone check-config FILE`: is a repository's `agent.yml` understood?
//!
//! Reads the file as a session does. What a file may choose from is known
//! when the service's own configuration is named; without it, the form alone
//! is checked, and the answer says so.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use crate::config::Config;
use crate::config::repo::{Known, RepoConfig};
use crate::failure::ConfigRefusal;
use crate::trigger::Catalog;

/// Arguments of the command.
#[derive(Debug, Args)]
pub(super) struct CheckConfig {
    /// The file: `.github/agent.yml` of a checkout.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Answer {
    ok: bool,
    /// The settings, line by line; empty when the file is not understood.
    settings: Vec<String>,
    errors: Vec<ConfigRefusal>,
    /// Whether the file was held against a service's own configuration.
    compared: bool,
}

/// Prints the answer; a file that is not understood ends with 1.
///
/// # Errors
/// A file cannot be read.
pub(super) fn main(args: &CheckConfig, service: Option<&Path>) -> anyhow::Result<ExitCode> {
    let bytes = std::fs::read(&args.file)
        .with_context(|| format!("could not read the file {}", args.file.display()))?;
    let known = service.map_or_else(|| Ok(Known::default()), known)?;
    let compared = service.is_some();
    let shown = args.file.display().to_string();
    let answer = match RepoConfig::check(&bytes, &known) {
        Ok(config) => Answer { ok: true, settings: config.lines(), errors: Vec::new(), compared },
        Err(refusals) => {
            let here = |refusal| ConfigRefusal { path: shown.clone(), ..refusal };
            Answer {
                ok: false,
                settings: Vec::new(),
                errors: refusals.into_iter().map(here).collect(),
                compared,
            }
        }
    };
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &answer)?;
        writeln!(out)?;
    } else {
        print(&mut out, &answer)?;
    }
    Ok(if answer.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    for ConfigRefusal { path, line, reason } in &answer.errors {
        writeln!(out, "{path}:{line}: could not {reason}")?;
    }
    if answer.ok {
        writeln!(out, "ok")?;
        for line in &answer.settings {
            writeln!(out, "  {line}")?;
        }
        if answer.settings.is_empty() {
            writeln!(out, "  nothing is set: everything is as the service has it")?;
        }
        if !answer.compared {
            writeln!(out, "note: change types, majors and models are not looked up without --config")?;
        }
    }
    Ok(())
}

/// What a repository may choose from at this service.
fn known(service: &Path) -> anyhow::Result<Known> {
    let config = Config::read(service)?;
    let catalog = match &config.prompts_dir {
        Some(dir) => Catalog::with_dir(dir)?,
        None => Catalog::embedded()?,
    };
    Ok(Known {
        changes: Some(catalog.names()),
        node: Some(config.sandbox.node_majors),
        jdk: Some(config.sandbox.jdk_majors),
        models: Some(config.model.choices),
    })
}
