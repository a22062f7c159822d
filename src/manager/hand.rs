//! The package manager at work in a container.
//!
//! `bump` writes lockfiles with it and `verify` installs with it; both need
//! it fetched first, and the lockfile's addresses led to the gateway.

use std::time::Duration;

use super::{HOME, Kind, Manager, SHIMS, addresses, yarnrc};
use crate::exec::{Command, Exec, Output, TREE, run_recorded};
use crate::failure::Failure;
use crate::record::Recorder;

/// For one command that talks to the registry.
pub const TIMEOUT: Duration = Duration::from_secs(300);
/// Bytes of a lockfile.
pub const LOCKFILE_CAP: usize = 32 * 1024 * 1024;
const YARNRC_CAP: usize = 1024 * 1024;
/// Bytes of output that the parsers see.
const OUTPUT_CAP: usize = 1024 * 1024;

/// Writes what comes on standard input into the file that is named.
const WRITE: &str = "const fs=require('fs'),p=process.argv[1];\
fs.mkdirSync(require('path').dirname(p),{recursive:true});fs.writeFileSync(p,fs.readFileSync(0))";
/// The same, as a program that can be started.
const WRITE_PROGRAM: &str = "const fs=require('fs'),p=process.argv[1];\
fs.mkdirSync(require('path').dirname(p),{recursive:true});fs.writeFileSync(p,fs.readFileSync(0));fs.chmodSync(p,0o755)";

/// A package manager in one container.
#[derive(Clone, Copy)]
pub struct Hand<'a> {
    pub exec: &'a dyn Exec,
    pub manager: &'a Manager,
    /// What people call the container.
    pub container: &'a str,
    pub recorder: &'a Recorder,
}

impl std::fmt::Debug for Hand<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hand").field("manager", self.manager).finish_non_exhaustive()
    }
}

impl Hand<'_> {
    /// Fetches the package manager through the open door, unless it is the
    /// image's own, and gives it harmless settings. `None` when all went
    /// well, else what npm said.
    ///
    /// # Errors
    /// The container or the log fails.
    pub async fn get_ready(&self) -> Result<Option<Output>, Failure> {
        if self.manager.kind == Kind::YarnBerry {
            let theirs = self.exec.read(".yarnrc.yml", YARNRC_CAP).await?;
            let settings = yarnrc::harmless(theirs.as_deref());
            self.write_outside(WRITE, yarnrc::PLACE, settings).await?;
        }
        let Some(package) = self.manager.package() else { return Ok(None) };
        let words =
            ["npm", "install", "--prefix", HOME, "--ignore-scripts", "--no-save", "--no-package-lock"];
        let command = Command::new(words.into_iter().chain([package.as_str()])).timeout(TIMEOUT);
        let output = run_recorded(self.exec, self.container, command, self.recorder).await?;
        if !output.success() {
            return Ok(Some(output));
        }
        Ok(None)
    }

    /// Puts the manager where the repository's scripts find it by name. An
    /// installation may sweep the place, so it is done after one.
    async fn make_callable(&self) -> Result<(), Failure> {
        if self.manager.version.is_none() {
            return Ok(());
        }
        let (name, program) = (self.manager.name(), self.manager.program().join(" "));
        let shim = format!("#!/bin/sh\nexec {program} \"$@\"\n");
        self.write_outside(WRITE_PROGRAM, &format!("{TREE}/{SHIMS}/{name}"), shim).await
    }

    async fn write_outside(&self, script: &str, path: &str, text: String) -> Result<(), Failure> {
        let mut command = Command::new(["node", "-e", script, path]);
        command.stdin = text.into_bytes();
        let output = self.exec.run(command).await?;
        if output.success() {
            return Ok(());
        }
        Err(Failure::bug("write a file beside the tree").because(anyhow::anyhow!(output.stderr_text())))
    }

    /// Runs the manager with `arguments`.
    ///
    /// # Errors
    /// The container or the log fails.
    pub async fn ask(&self, arguments: Vec<String>) -> Result<Output, Failure> {
        let words = self.manager.program().into_iter().chain(arguments);
        let mut command = self.with_environment(Command::new(words)).timeout(TIMEOUT);
        command.output_cap = OUTPUT_CAP;
        run_recorded(self.exec, self.container, command, self.recorder).await
    }

    fn with_environment(&self, mut command: Command) -> Command {
        for (name, value) in self.manager.environment() {
            command = command.env(name, value);
        }
        command
    }

    /// The command with the manager's settings, and the manager itself in its
    /// path, for scripts that call it by name. Not for what runs while the
    /// door is open: a repository can bring a program at that path along.
    #[must_use]
    pub fn with_settings(&self, command: Command) -> Command {
        let mut command = self.with_environment(command);
        if self.manager.version.is_some() {
            command = command.env("PATH", format!("{TREE}/{SHIMS}:/usr/local/bin:/usr/bin:/bin"));
        }
        command
    }

    /// Reads the lockfile.
    ///
    /// # Errors
    /// The container fails.
    pub async fn lockfile(&self) -> Result<Option<String>, Failure> {
        let bytes = self.exec.read(&self.manager.lockfile, LOCKFILE_CAP).await?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Installs exactly what the lockfile says; the file is the same
    /// afterwards.
    ///
    /// # Errors
    /// The container or the log fails.
    pub async fn install_frozen(&self) -> Result<Output, Failure> {
        let path = &self.manager.lockfile;
        let text = match self.lockfile().await? {
            Some(text) if self.manager.takes_addresses_as_written() => text,
            _ => String::new(),
        };
        let (led, _form) = addresses::lead_here(self.manager.kind, &text);
        let output = if led == text {
            self.ask(self.manager.frozen()).await?
        } else {
            self.exec.write(path, led.as_bytes()).await?;
            let output = self.ask(self.manager.frozen()).await;
            self.exec.write(path, text.as_bytes()).await?;
            output?
        };
        self.make_callable().await?;
        Ok(output)
    }
}
