//! How a room talks to a container without knowing what a container is.
//!
//! `sandbox` implements [`Exec`]; `bump`, `verify` and the tests use it. There
//! is no shell anywhere: a command is a list of words.

use std::pin::Pin;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::failure::Failure;
use crate::record::{Recorder, SessionEvent};
use crate::text;

/// Where the repository's tree lies in every container.
pub const TREE: &str = "/work";

/// How large a tree is, which decides where a container keeps it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TreeSize {
    pub files: u64,
    pub bytes: u64,
}

/// One command to run as the unprivileged command user (uid 10001).
#[derive(Debug, Clone)]
pub struct Command {
    /// Program and arguments; the program is looked up in the image's `PATH`.
    pub argv: Vec<String>,
    /// Directory relative to the tree's root; empty is the root itself.
    pub dir: String,
    /// Added to the container's own fixed environment.
    pub env: Vec<(String, String)>,
    /// Handed to standard input, which is then closed.
    pub stdin: Vec<u8>,
    /// The whole process group is killed when this has passed.
    pub timeout: Duration,
    /// Bytes kept of each of stdout and stderr: the first and the last half.
    pub output_cap: usize,
}

impl Command {
    /// A command at the tree's root with five minutes and 256 KiB of output.
    pub fn new<W: Into<String>>(argv: impl IntoIterator<Item = W>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            dir: String::new(),
            env: Vec::new(),
            stdin: Vec::new(),
            timeout: Duration::from_mins(5),
            output_cap: 256 * 1024,
        }
    }

    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    #[must_use]
    pub fn in_dir(mut self, dir: impl Into<String>) -> Self {
        self.dir = dir.into();
        self
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    /// Killed by a signal, the out-of-memory killer among them.
    Signal(i32),
    TimedOut,
    /// The program does not exist in the image, or cannot be started.
    NotStarted,
}

/// What a command left.
#[derive(Debug, Clone)]
pub struct Output {
    pub exit: Exit,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Bytes were left out of the middle of stdout or stderr.
    pub truncated: bool,
    pub duration: Duration,
}

impl Output {
    #[must_use]
    pub fn success(&self) -> bool {
        self.exit == Exit::Code(0)
    }

    /// Standard output as text, with invalid bytes replaced.
    #[must_use]
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text, with invalid bytes replaced.
    #[must_use]
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// A running container that can be asked to do things.
///
/// A [`Failure`] means that the container or its engine failed. A command
/// that fails is an [`Output`].
pub trait Exec: Send + Sync {
    /// Runs a command to its end, or to its timeout.
    fn run(&self, command: Command) -> BoxFuture<'_, Result<Output, Failure>>;

    /// Writes a file of the tree as the command user. `path` is relative to
    /// the tree's root and has been checked by the caller to be plain.
    fn write<'a>(&'a self, path: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), Failure>>;

    /// Reads a file of the tree, at most `cap` bytes; `None` when there is no
    /// regular file at `path`.
    fn read<'a>(&'a self, path: &'a str, cap: usize) -> BoxFuture<'a, Result<Option<Vec<u8>>, Failure>>;
}

/// A container seen from one directory of its tree: paths and working
/// directories are relative to it. For projects that do not lie at the root.
#[derive(Clone)]
pub struct Within<'e> {
    exec: &'e dyn Exec,
    /// Without a slash at the end; empty for the root itself.
    dir: String,
}

impl std::fmt::Debug for Within<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Within({})", self.dir)
    }
}

impl<'e> Within<'e> {
    pub fn new(exec: &'e dyn Exec, dir: &str) -> Self {
        Self { exec, dir: dir.trim_end_matches('/').to_owned() }
    }

    fn path(&self, path: &str) -> String {
        match (self.dir.as_str(), path) {
            ("", path) => path.to_owned(),
            (dir, "") => dir.to_owned(),
            (dir, path) => format!("{dir}/{path}"),
        }
    }
}

impl Exec for Within<'_> {
    fn run(&self, mut command: Command) -> BoxFuture<'_, Result<Output, Failure>> {
        command.dir = self.path(&command.dir);
        self.exec.run(command)
    }

    fn write<'a>(&'a self, path: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { self.exec.write(&self.path(path), bytes).await })
    }

    fn read<'a>(&'a self, path: &'a str, cap: usize) -> BoxFuture<'a, Result<Option<Vec<u8>>, Failure>> {
        Box::pin(async move { self.exec.read(&self.path(path), cap).await })
    }
}

/// Bytes of a command's output that the log keeps.
const LOGGED: usize = 4 * 1024;

impl Exit {
    /// As the log and people read it.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::Code(code) => format!("exit code {code}"),
            Self::Signal(signal) => format!("signal {signal}"),
            Self::TimedOut => "timed out".to_owned(),
            Self::NotStarted => "not started".to_owned(),
        }
    }
}

/// Bytes of a long output that the log keeps: the first and the last half.
const WHOLE: usize = 1024 * 1024;

/// Runs a command and writes it into the session log, with the end of what
/// it said; what is longer is kept whole in an event before it. `container`
/// is the name that people know the container by.
///
/// # Errors
/// The container or the log fails.
pub async fn run_recorded(
    exec: &dyn Exec,
    container: &str,
    command: Command,
    recorder: &Recorder,
) -> Result<Output, Failure> {
    let argv = command.argv.clone();
    let output = exec.run(command).await?;
    let said = text::plain(&format!("{}{}", output.stdout_text(), output.stderr_text()));
    if said.len() > LOGGED {
        let event = SessionEvent::Log {
            container: container.to_owned(),
            argv: argv.clone(),
            text: text::ends(&said, WHOLE),
            bytes: u64::try_from(said.len()).unwrap_or(u64::MAX),
        };
        recorder.record(event).await?;
    }
    recorder
        .record(SessionEvent::Command {
            container: container.to_owned(),
            argv,
            exit: output.exit.describe(),
            output: text::tail(said.trim(), LOGGED),
            duration_ms: u64::try_from(output.duration.as_millis()).unwrap_or(u64::MAX),
        })
        .await?;
    Ok(output)
}

/// The tool server's standard input and output, spoken to in MCP.
pub struct Stdio {
    pub reader: Pin<Box<dyn AsyncRead + Send>>,
    pub writer: Pin<Box<dyn AsyncWrite + Send>>,
}

impl std::fmt::Debug for Stdio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stdio")
    }
}
