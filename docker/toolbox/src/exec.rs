//! One command, to its end or its timeout, with everything it started.
//!
//! The engine cannot kill an exec, so this program does: the command gets its
//! own process group, this process adopts its orphans, and nothing of it is
//! left when the report is written.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, set_child_subreaper};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Stdin};
use tokio::process::{Child, ChildStdin, Command};
use toolbox::api::{ExecExit, ExecReport, ExecRequest};

use crate::tree::Relative;

/// Longest request line.
const REQUEST_CAP: u64 = 1024 * 1024;
/// How long the streams may stay open when the command itself has ended.
const LINGER: Duration = Duration::from_secs(2);

/// Reads the request, runs it, writes the report.
pub(crate) async fn main(tree: &Path) -> anyhow::Result<()> {
    let mut stdin = BufReader::new(tokio::io::stdin());
    let mut line = String::new();
    (&mut stdin).take(REQUEST_CAP).read_line(&mut line).await.context("could not read the request")?;
    let request: ExecRequest = serde_json::from_str(&line).context("could not understand the request")?;
    set_child_subreaper(Some(rustix::process::getpid())).context("could not adopt orphans")?;
    let start = Instant::now();
    let (exit, stdout, stderr) = run(tree, &request, stdin).await?;
    let report = ExecReport {
        exit,
        stdout: stdout.len(),
        stderr: stderr.len(),
        truncated: stdout.truncated() || stderr.truncated(),
        duration_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &report)?;
    out.write_all(b"\n")?;
    for kept in [stdout, stderr] {
        out.write_all(&kept.into_bytes())?;
    }
    out.flush().context("could not write the report")
}

async fn run(
    tree: &Path,
    request: &ExecRequest,
    stdin: BufReader<Stdin>,
) -> anyhow::Result<(ExecExit, Kept, Kept)> {
    let (mut stdout, mut stderr) = (Kept::new(request.output_cap), Kept::new(request.output_cap));
    let mut child = match start(tree, request) {
        Ok(child) => child,
        Err(error) => {
            stderr.push(format!("{error:#}\n").as_bytes());
            return Ok((ExecExit::NotStarted, stdout, stderr));
        }
    };
    let exit = watch(&mut child, stdin, request.timeout_ms, (&mut stdout, &mut stderr)).await?;
    Ok((exit, stdout, stderr))
}

/// Waits for the end or the timeout, then leaves nothing of it running.
async fn watch(
    child: &mut Child,
    stdin: BufReader<Stdin>,
    timeout_ms: u64,
    kept: (&mut Kept, &mut Kept),
) -> anyhow::Result<ExecExit> {
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let feed = feed(stdin, child.stdin.take());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let streams = async { tokio::join!(collect(out, kept.0), collect(err, kept.1)) };
    let timeout = tokio::time::sleep(Duration::from_millis(timeout_ms));
    tokio::pin!(streams, feed, timeout);
    let (mut streams_done, mut fed) = (false, false);
    let exit = loop {
        tokio::select! {
            status = child.wait() => break exit_of(status.context("could not wait for the command")?),
            () = &mut timeout => break ExecExit::TimedOut,
            _ended = &mut streams, if !streams_done => streams_done = true,
            () = &mut feed, if !fed => fed = true,
        }
    };
    kill_all(group, child).await;
    if !streams_done {
        // Everything is dead, so the streams end; a bound all the same.
        tokio::time::timeout(LINGER, &mut streams).await.ok();
    }
    Ok(exit)
}

fn start(tree: &Path, request: &ExecRequest) -> anyhow::Result<Child> {
    let (program, args) = request.argv.split_first().context("could not run an empty command")?;
    let dir = Relative::parse(&request.dir).map_err(|refusal| anyhow::anyhow!("{}", refusal.0))?;
    if let Some(home) = std::env::var_os("HOME") {
        std::fs::create_dir_all(&home).context("could not make the home directory")?;
    }
    Command::new(program)
        .args(args)
        .current_dir(tree.join(dir.as_str()))
        .envs(request.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("could not start {program}"))
}

async fn feed(mut stdin: BufReader<Stdin>, input: Option<ChildStdin>) {
    if let Some(mut input) = input {
        // A command need not read its input.
        tokio::io::copy(&mut stdin, &mut input).await.ok();
        input.shutdown().await.ok();
    }
}

async fn collect(stream: Option<impl AsyncRead + Unpin>, kept: &mut Kept) {
    let Some(mut stream) = stream else { return };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read) = stream.read(&mut buffer).await {
        match buffer.get(..read) {
            Some([]) | None => return,
            Some(bytes) => kept.push(bytes),
        }
    }
}

fn exit_of(status: ExitStatus) -> ExecExit {
    match (status.code(), status.signal()) {
        (Some(code), _) => ExecExit::Code(code),
        (None, signal) => ExecExit::Signal(signal.unwrap_or(0)),
    }
}

/// Kills the group, then every orphan that came to us, until there is none.
async fn kill_all(group: Option<Pid>, child: &mut Child) {
    if let Some(group) = group {
        kill_process_group(group, Signal::KILL).ok();
    }
    child.wait().await.ok();
    for _ in 0..100 {
        let orphans = children();
        if orphans.is_empty() {
            return;
        }
        for pid in orphans {
            kill_process(pid, Signal::KILL).ok();
            rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG).ok();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Every process below this one. Killing the parents first hands us the rest.
fn children() -> Vec<Pid> {
    let me = rustix::process::getpid().as_raw_nonzero().get();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| parent_of(*pid) == Some(me))
        .filter_map(Pid::from_raw)
        .collect()
}

fn parent_of(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold blanks and brackets; the fields after it do not.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The first and the last half of a stream.
#[derive(Debug)]
struct Kept {
    half: usize,
    head: Vec<u8>,
    tail: std::collections::VecDeque<u8>,
    dropped: usize,
}

impl Kept {
    fn new(cap: usize) -> Self {
        Self { half: cap / 2, head: Vec::new(), tail: std::collections::VecDeque::new(), dropped: 0 }
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = self.half.saturating_sub(self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(self.half);
        self.tail.drain(..over);
        self.dropped += over;
    }

    fn truncated(&self) -> bool {
        self.dropped > 0
    }

    fn note(&self) -> String {
        if self.dropped == 0 {
            String::new()
        } else {
            format!("\n[… {} bytes left out …]\n", self.dropped)
        }
    }

    fn len(&self) -> usize {
        self.head.len() + self.note().len() + self.tail.len()
    }

    fn into_bytes(mut self) -> Vec<u8> {
        let note = self.note();
        self.head.extend_from_slice(note.as_bytes());
        self.head.extend(self.tail);
        self.head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_stream_keeps_its_ends() {
        let mut kept = Kept::new(8);
        kept.push(b"abcdef");
        kept.push(b"ghijkl");
        assert!(kept.truncated());
        let length = kept.len();
        let bytes = kept.into_bytes();
        assert_eq!(bytes.len(), length);
        assert!(bytes.starts_with(b"abcd\n[") && bytes.ends_with(b"]\nijkl"));
    }

    #[test]
    fn a_short_stream_is_whole() {
        let mut kept = Kept::new(8);
        kept.push(b"abcdefgh");
        assert!(!kept.truncated());
        assert_eq!(kept.into_bytes(), b"abcdefgh");
    }
}
