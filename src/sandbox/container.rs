//! One running container, and the steps that the host takes in it.

use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use bollard::query_parameters::RemoveContainerOptionsBuilder;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use toolbox::api::{BINARY, COMMAND_UID, ExecExit, ExecReport, ExecRequest, SERVER_UID, TREE_GID};

use super::engine_failure;
use super::stream;
use crate::exec::{Command, Exec, Exit, Output, Stdio};
use crate::failure::Failure;
use crate::outcome::Outcome;

/// Beyond a command's own timeout, for the engine and the tool server.
const GRACE: Duration = Duration::from_secs(20);
/// For one of the host's own steps, such as unpacking a large tree.
const STEP: Duration = Duration::from_secs(180);
/// Bytes of an export, and of any other step's output.
const STEP_CAP: usize = 128 * 1024 * 1024;
/// Bytes kept of a step's error text.
const ERROR_CAP: usize = 8 * 1024;
/// What the engine says when the program could not be started.
const NOT_STARTED: i64 = 126;

/// A running container of this session.
pub struct Container {
    docker: Docker,
    name: String,
    stdio: Mutex<Option<Stdio>>,
}

impl std::fmt::Debug for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Container({})", self.name)
    }
}

/// What a step left.
struct Step {
    code: i64,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// The attached streams of one exec.
struct Attached {
    id: String,
    output: stream::Output,
    input: Pin<Box<dyn AsyncWrite + Send>>,
}

impl Container {
    pub(super) fn new(docker: Docker, name: String, stdio: Stdio) -> Self {
        Self { docker, name, stdio: Mutex::new(Some(stdio)) }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tool server's standard input and output; once.
    #[must_use]
    pub fn take_stdio(&self) -> Option<Stdio> {
        self.stdio.lock().ok()?.take()
    }

    /// Unpacks a tar into the empty tree, as the command user.
    ///
    /// # Errors
    /// The engine fails, or the tree does not fit.
    pub async fn put_tree(&self, mut tar: impl AsyncRead + Send + Unpin) -> Result<(), Failure> {
        let step = async {
            let Attached { id, output, mut input } = self.attach(COMMAND_UID, &["unpack"]).await?;
            let feed = async {
                let copied = tokio::io::copy(&mut tar, &mut input).await;
                // Dropping the input does not close it.
                input.shutdown().await.ok();
                copied
            };
            let (copied, drained) = tokio::join!(feed, drain(output, STEP_CAP));
            let step = self.finish(&id, drained?).await?;
            step.check("unpack the tree")?;
            copied.map_err(|error| {
                Failure::transient(Outcome::InternalError, "stream the tree").because(error)
            })?;
            Ok(())
        };
        in_time(STEP, step).await
    }

    /// Keeps the tree as it is now as the base that changes are shown
    /// against, in a git directory that the command user cannot reach.
    ///
    /// # Errors
    /// The engine or git fails.
    pub async fn remember_base(&self) -> Result<(), Failure> {
        self.step(SERVER_UID, &["remember"], &[]).await?.check("keep the base of the tree")
    }

    /// The changed paths with their content, as `toolbox export` writes them.
    /// Nothing in it is to be trusted.
    ///
    /// # Errors
    /// The engine fails, or the change is too large.
    pub async fn take_changes(&self) -> Result<Vec<u8>, Failure> {
        let step = self.step(SERVER_UID, &["export"], &[]).await?;
        step.check("take the change out of the container")?;
        Ok(step.stdout)
    }

    /// Kills and removes the container and all that it held.
    ///
    /// # Errors
    /// The engine fails; the reaper will try again.
    pub async fn remove(self) -> Result<(), Failure> {
        remove(&self.docker, &self.name).await
    }

    async fn attach(&self, uid: u32, args: &[&str]) -> Result<Attached, Failure> {
        let failure = engine_failure("run a step in a container");
        let cmd = std::iter::once(BINARY).chain(args.iter().copied()).map(str::to_owned).collect();
        let config = ExecConfig {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(false),
            cmd: Some(cmd),
            // Always with the group: without it the engine takes group 0.
            user: Some(format!("{uid}:{TREE_GID}")),
            ..ExecConfig::default()
        };
        let id = self.docker.create_exec(&self.name, config).await.map_err(&failure)?.id;
        let options = StartExecOptions { output_capacity: Some(256 * 1024), ..StartExecOptions::default() };
        match self.docker.start_exec(&id, Some(options)).await.map_err(&failure)? {
            StartExecResults::Attached { output, input } => Ok(Attached { id, output, input }),
            StartExecResults::Detached => Err(Failure::bug("attach to a step in a container")),
        }
    }

    /// Runs one of the tool server's subcommands with `stdin`.
    async fn step(&self, uid: u32, args: &[&str], stdin: &[u8]) -> Result<Step, Failure> {
        in_time(STEP, self.step_untimed(uid, args, stdin)).await
    }

    async fn step_untimed(&self, uid: u32, args: &[&str], stdin: &[u8]) -> Result<Step, Failure> {
        let Attached { id, output, mut input } = self.attach(uid, args).await?;
        let feed = async {
            // A step need not read all of its input; its exit code tells.
            input.write_all(stdin).await.ok();
            input.shutdown().await.ok();
        };
        let ((), drained) = tokio::join!(feed, drain(output, STEP_CAP));
        self.finish(&id, drained?).await
    }

    async fn finish(&self, id: &str, (stdout, stderr): (Vec<u8>, Vec<u8>)) -> Result<Step, Failure> {
        let inspected =
            self.docker.inspect_exec(id).await.map_err(engine_failure("run a step in a container"))?;
        Ok(Step { code: inspected.exit_code.unwrap_or(-1), stdout, stderr })
    }

    async fn run_command(&self, command: Command) -> Result<Output, Failure> {
        let limit = command.timeout.saturating_add(GRACE);
        let request = ExecRequest {
            argv: command.argv,
            dir: command.dir,
            env: command.env,
            timeout_ms: u64::try_from(command.timeout.as_millis()).unwrap_or(u64::MAX),
            output_cap: command.output_cap,
        };
        let mut stdin = serde_json::to_vec(&request)
            .map_err(|error| Failure::bug("write down a command").because(error))?;
        stdin.push(b'\n');
        stdin.extend(command.stdin);
        let step = in_time(limit, self.step_untimed(COMMAND_UID, &["exec"], &stdin)).await?;
        step.check("run a command in a container")?;
        output_of(&step.stdout)
            .ok_or_else(|| Failure::bug("understand what the tool server says about a command"))
    }
}

impl Step {
    fn check(&self, what: &'static str) -> Result<(), Failure> {
        if self.code == 0 {
            return Ok(());
        }
        // A program that cannot be started is reported on standard output.
        let said = if self.code == NOT_STARTED { &self.stdout } else { &self.stderr };
        let said = String::from_utf8_lossy(said).trim().to_owned();
        Err(Failure::transient(Outcome::InternalError, what)
            .because(anyhow::anyhow!("exit code {}: {said}", self.code)))
    }
}

impl Exec for Container {
    fn run(&self, command: Command) -> BoxFuture<'_, Result<Output, Failure>> {
        Box::pin(self.run_command(command))
    }

    fn write<'a>(&'a self, path: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { self.step(COMMAND_UID, &["write", path], bytes).await?.check("write a file") })
    }

    fn read<'a>(&'a self, path: &'a str, cap: usize) -> BoxFuture<'a, Result<Option<Vec<u8>>, Failure>> {
        Box::pin(async move {
            let step = self.step(COMMAND_UID, &["read", path], &[]).await?;
            if step.code == NOT_STARTED {
                step.check("read a file")?;
            }
            Ok((step.code == 0 && step.stdout.len() <= cap).then_some(step.stdout))
        })
    }
}

pub(super) async fn remove(docker: &Docker, name: &str) -> Result<(), Failure> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    match docker.remove_container(name, Some(options)).await {
        Ok(()) | Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
        Err(error) => Err(engine_failure("remove a container")(error)),
    }
}

/// Reads an exec to its end, within `cap` bytes.
async fn drain(mut output: stream::Output, cap: usize) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(item) = output.next().await {
        match item.map_err(engine_failure("read a container's output"))? {
            LogOutput::StdOut { message } => stdout.extend_from_slice(&message),
            LogOutput::StdErr { message } if stderr.len() < ERROR_CAP => stderr.extend_from_slice(&message),
            _ => {}
        }
        if stdout.len() > cap {
            return Err(Failure::user(Outcome::EditFailed, format!("take out more than {cap} bytes")));
        }
    }
    Ok((stdout, stderr))
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_elapsed| {
        Err(Failure::transient(Outcome::InternalError, "finish a step in a container in time"))
    })
}

/// Reads the report line and the two streams after it.
fn output_of(stdout: &[u8]) -> Option<Output> {
    let end = stdout.iter().position(|byte| *byte == b'\n')?;
    let report: ExecReport = serde_json::from_slice(stdout.get(..end)?).ok()?;
    let streams = stdout.get(end + 1..)?;
    let (out, err) = streams.split_at_checked(report.stdout)?;
    if err.len() != report.stderr {
        return None;
    }
    Some(Output {
        exit: match report.exit {
            ExecExit::Code(code) => Exit::Code(code),
            ExecExit::Signal(signal) => Exit::Signal(signal),
            ExecExit::TimedOut => Exit::TimedOut,
            ExecExit::NotStarted => Exit::NotStarted,
        },
        stdout: out.to_vec(),
        stderr: err.to_vec(),
        truncated: report.truncated,
        duration: Duration::from_millis(report.duration_ms),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_only_when_it_is_whole() {
        let whole =
            b"{\"exit\":{\"code\":1},\"stdout\":2,\"stderr\":3,\"truncated\":false,\"duration_ms\":5}\nabcde";
        let output = output_of(whole).unwrap();
        assert_eq!(
            (output.exit, output.stdout_text(), output.stderr_text()),
            (Exit::Code(1), "ab".into(), "cde".into())
        );
        assert!(output_of(whole.split_last().unwrap().1).is_none());
        assert!(output_of(b"hello\n").is_none());
    }
}
