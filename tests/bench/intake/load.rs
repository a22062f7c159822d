//! Connections that each send a signed delivery, wait for the answer, and
//! send the next. HTTP/1.1, kept alive.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use standin::github::Delivery;
use standin::service::SECRET;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A server under load.
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) url: String,
    pub(super) pid: u32,
}

/// What one turn came to. Times are milliseconds.
pub(super) struct Turn {
    pub(super) per_second: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
    /// Answers other than 2xx.
    pub(super) refused: usize,
}

/// The head of a request up to the delivery's number, and its body.
struct Shot {
    head: String,
    body: String,
}

/// All turns so far.
#[derive(Default)]
pub(super) struct Load {
    /// Numbers of deliveries, never used twice.
    next: Arc<AtomicU64>,
    answered: HashMap<&'static str, u64>,
}

impl Load {
    /// Deliveries that this server answered with 2xx.
    pub(super) fn answered(&self, name: &str) -> u64 {
        self.answered.get(name).copied().unwrap_or_default()
    }

    pub(super) async fn run(
        &mut self,
        target: &Target,
        deliveries: &[Delivery],
        connections: usize,
        time: Duration,
    ) -> Result<Turn> {
        let (address, path) = split(&target.url)?;
        let shots: Arc<Vec<Shot>> =
            Arc::new(deliveries.iter().map(|one| shot(one, &address, &path)).collect());
        let begin = Instant::now();
        let mut tasks = JoinSet::new();
        for connection in 0..connections {
            let (shots, next, address) = (Arc::clone(&shots), Arc::clone(&self.next), address.clone());
            tasks.spawn(async move { send(&address, &shots, &next, (connection, begin + time)).await });
        }
        let mut times = Vec::new();
        let mut refused = 0;
        for sent in tasks.join_all().await {
            let (good, bad) = sent?;
            times.extend(good);
            refused += bad;
        }
        let spent = begin.elapsed().as_secs_f64();
        let count = u64::try_from(times.len())?;
        *self.answered.entry(target.name).or_default() += count;
        #[expect(clippy::cast_precision_loss, reason = "a count of some thousands")]
        let per_second = count as f64 / spent;
        Ok(Turn {
            per_second,
            p50: crate::percentile(&mut times, 50),
            p99: crate::percentile(&mut times, 99),
            refused,
        })
    }
}

fn split(url: &str) -> Result<(String, String)> {
    let (address, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .context("an address begins with http://")?;
    Ok((address.to_owned(), format!("/{path}")))
}

fn shot(delivery: &Delivery, address: &str, path: &str) -> Shot {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: GitHub-Hookshot/bench\r\ncontent-type: application/json\r\n\
         x-github-event: {}\r\nx-hub-signature-256: {}\r\ncontent-length: {}\r\nx-github-delivery: ",
        delivery.event,
        delivery.signature(SECRET),
        delivery.body.len(),
    );
    Shot { head, body: delivery.body.clone() }
}

/// Times of the good answers, and the number of others.
async fn send(
    address: &str,
    shots: &[Shot],
    next: &AtomicU64,
    (first, end): (usize, Instant),
) -> Result<(Vec<f64>, usize)> {
    let mut stream = connect(address).await?;
    let (mut times, mut refused, mut buffer) = (Vec::new(), 0, Vec::new());
    for shot in shots.iter().cycle().skip(first) {
        let begin = Instant::now();
        if begin >= end {
            break;
        }
        let number = next.fetch_add(1, Ordering::Relaxed);
        let head = format!("{}00000000-0000-4000-9000-{number:012}\r\n\r\n", shot.head);
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(shot.body.as_bytes()).await?;
        let (status, closes) = answer(&mut stream, &mut buffer).await?;
        match status {
            200..=299 => times.push(begin.elapsed().as_secs_f64() * 1000.0),
            _ => refused += 1,
        }
        if closes {
            stream = connect(address).await?;
        }
    }
    Ok((times, refused))
}

async fn connect(address: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await.context("could not connect")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads one answer: its status, and whether the server hangs up then.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(u16, bool)> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server hung up");
        }
        let text = String::from_utf8_lossy(buffer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let length = field("content-length:").and_then(|length| length.parse().ok());
        let whole = match length {
            Some(length) => body.len() >= length,
            None if field("transfer-encoding:").is_some() => body.ends_with("0\r\n\r\n"),
            None => true,
        };
        if whole {
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
            return Ok((status.context("an answer has a status")?, field("connection:") == Some("close")));
        }
    }
}

/// The middle one of some figures.
pub(super) fn median<T>(all: &[T], figure: impl Fn(&T) -> f64) -> f64 {
    crate::percentile(&mut all.iter().map(figure).collect::<Vec<f64>>(), 50)
}

/// The most memory that a process ever had, in MiB.
pub(super) fn peak_memory(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the process has a peak")?;
    Ok(peak.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1024.0)
}
