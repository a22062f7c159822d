//! Installing and running with the repository's own package manager.
//!
//! The installation is what the lockfile says, with scripts off and the door
//! open; scripts of dependencies run afterwards, with the door closed.

pub(super) mod detect;
pub(super) mod runner;
pub(super) mod script;

use serde_json::Value;

use super::{INSTALL_TIMEOUT, Installed, OUTPUT_CAP, SAID};
use crate::exec::{Command, Exec, Output, run_recorded};
use crate::failure::Failure;
use crate::manager::hand::Hand;
use crate::manager::{Kind, Manager};
use crate::record::Recorder;
use crate::text;

pub(super) fn hand<'a>(exec: &'a dyn Exec, manager: &'a Manager, recorder: &'a Recorder) -> Hand<'a> {
    Hand { exec, manager, container: "verify", recorder }
}

/// See [`super::install`].
pub(super) async fn install(hand: Hand<'_>) -> Result<Installed, Failure> {
    if let Some(output) = hand.get_ready().await? {
        return Ok(failed("fetching the package manager", &output));
    }
    let output = hand.install_frozen().await?;
    if output.success() {
        return Ok(Installed::Ok);
    }
    let command = match hand.manager.kind {
        Kind::Npm => "npm ci".to_owned(),
        _ => format!("{} install", hand.manager.name()),
    };
    Ok(failed(&command, &output))
}

fn failed(what: &str, output: &Output) -> Installed {
    // Some managers complain on standard output.
    let said = text::plain(&format!("{}\n{}", output.stderr_text(), output.stdout_text()));
    Installed::Failed(format!("{what}: {}\n{}", output.exit.describe(), text::head(said.trim(), SAID)))
}

/// See [`super::rebuild`].
pub(super) async fn rebuild(hand: Hand<'_>) -> Result<(), Failure> {
    let words: &[&str] = match hand.manager.kind {
        Kind::Npm if !scripted(hand.exec).await? => return Ok(()),
        // yarn 1 has no command for it, and npm reads what lies there.
        Kind::Npm | Kind::YarnClassic => &["npm", "rebuild"],
        Kind::YarnBerry => &["yarn", "rebuild"],
        Kind::Pnpm => &["pnpm", "rebuild", "--pending"],
    };
    let mut command = hand.with_settings(Command::new(words.iter().copied())).timeout(INSTALL_TIMEOUT);
    if hand.manager.kind == Kind::YarnBerry {
        command = command.env("YARN_ENABLE_SCRIPTS", "1");
    }
    run_recorded(hand.exec, hand.container, command, hand.recorder).await?;
    Ok(())
}

/// Has npm installed anything with a script?
async fn scripted(exec: &dyn Exec) -> Result<bool, Failure> {
    let lockfile = exec.read("node_modules/.package-lock.json", OUTPUT_CAP * 8).await?;
    // Before version 7 npm left no such file: then it is asked in any case.
    let Some(lockfile) = lockfile else { return Ok(true) };
    let lockfile: Value = serde_json::from_slice(&lockfile).unwrap_or_default();
    Ok(lockfile
        .get("packages")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(serde_json::Map::values)
        .any(|package| package.get("hasInstallScript").and_then(Value::as_bool) == Some(true)))
}
