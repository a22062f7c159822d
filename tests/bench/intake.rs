//! How fast signed deliveries are taken in, beside Probot in the same run.
//!
//! Both have each delivery on disk before they answer. They take turns, so
//! that whatever else the machine does meets both. The disk is measured
//! before every turn, and made busy for half of the turns.

mod load;
mod peer;

use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use standin::github::{Delivery, GitHub};
use standin::model::{KEY, Model, Script};
use standin::service::{Service, Setup, free_port};

use load::{Load, Target};

/// Every cell is measured so often; its figure is the median.
const TURNS: usize = 3;
/// One turn takes no longer than this.
const TURN: Duration = Duration::from_secs(3);
/// Issues that the deliveries are about: a body of its own for each.
const ISSUES: u64 = 256;
const REPO: &str = "Codertocat/Hello-World";

/// One cell of the table.
struct Cell {
    payload: &'static str,
    bytes: usize,
    connections: usize,
    busy: bool,
}

pub(super) async fn beside_probot() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let github = GitHub::start(dir.path().join("github")).await?;
    github.add_repo(REPO, &standin::fixtures::quiet()).await?;
    github.permit(REPO, "Codertocat", "write");
    let model = Model::start(Script::default()).await?;
    let ours = service(dir.path(), &github, &model).await?;
    let probot = peer::Probot::start(dir.path()).await;
    let mut targets = vec![Target {
        name: "chaperone",
        url: format!("{}/webhooks/github", ours.url()),
        pid: ours.pid().context("the service has a number")?,
    }];
    match &probot {
        Ok(probot) => targets.push(probot.target()),
        Err(error) => say(&format!("Probot is not beside it: {error:#}")),
    }
    let mut load = Load::default();
    for target in &targets {
        load.run(target, &deliveries(&github, 12_561), 4, Duration::from_secs(1)).await?;
    }
    say("payload     conn  disk   fsync ms  server         req/s    p50 ms    p99 ms  RSS MiB  times");
    for (payload, bytes) in [("12.6 KB", 12_561), ("1 MB", 1_048_576)] {
        for busy in [false, true] {
            for connections in [1, 16, 64] {
                let cell = Cell { payload, bytes, connections, busy };
                measure(&mut load, &targets, &github, dir.path(), &cell).await?;
            }
        }
    }
    let answered = load.answered("chaperone");
    ours.stop().await?;
    kept(&dir.path().join("data/chaperone.db"), answered).await
}

#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
fn say(line: &str) {
    println!("{line}");
}

/// The service with a worker that is held at its first session's first event,
/// so that what is measured is the intake.
async fn service(dir: &Path, github: &GitHub, model: &Model) -> Result<Service> {
    let setup = Setup {
        chaperone: super::variable("CHAPERONE_RELEASE")?,
        toolbox: super::variable("CHAPERONE_TOOLBOX")?,
        dir: dir.to_owned(),
        model_url: model.url().to_owned(),
        model_key: Some(KEY.to_owned()),
        more: "[queue]\nworkers = 1\nlease_seconds = 3600\n".to_owned(),
        github: standin::service::BRISK.to_owned(),
        port: free_port()?,
    };
    setup.start(github, Some(1)).await
}

/// Deliveries of about this size, each about another issue.
fn deliveries(github: &GitHub, bytes: usize) -> Vec<Delivery> {
    let template = github.label(REPO, 1, "agent:bump", "Codertocat");
    let mut body: Value = serde_json::from_str(&template.body).unwrap_or_default();
    body["issue"]["title"] = json!("Bump `ms` to `2.1.3`");
    let room = bytes.saturating_sub(body.to_string().len() + 16);
    // Lines as people write them: quotes and letters beyond ASCII, escaped.
    let line = "The quick brown fox: \"bump\" ms; see the change log, größer\n";
    let mut text = line.repeat(room / (line.len() + 3));
    text.truncate(text.floor_char_boundary(room));
    body["issue"]["body"] = json!(text);
    let count = if bytes > 100_000 { 4 } else { ISSUES };
    (1..=count)
        .map(|number| {
            let mut body = body.clone();
            body["issue"]["number"] = json!(number);
            Delivery { body: body.to_string(), ..template.clone() }
        })
        .collect()
}

async fn measure(
    load: &mut Load,
    targets: &[Target],
    github: &GitHub,
    dir: &Path,
    cell: &Cell,
) -> Result<()> {
    let deliveries = deliveries(github, cell.bytes);
    let writer = cell.busy.then(|| Busy::start(dir.join("busy")));
    let mut rows: Vec<(Vec<load::Turn>, Vec<f64>)> =
        targets.iter().map(|_| (Vec::new(), Vec::new())).collect();
    for turn in 0..TURNS {
        let order: Vec<usize> = (0..targets.len()).map(|at| (at + turn) % targets.len()).collect();
        for at in order {
            let (Some(target), Some(row)) = (targets.get(at), rows.get_mut(at)) else { continue };
            row.1.push(sync_time(dir)?);
            row.0.push(load.run(target, &deliveries, cell.connections, TURN).await?);
        }
    }
    drop(writer);
    let peer = rows.get(1).map(|(turns, _)| load::median(turns, |turn| turn.per_second));
    for (target, (turns, syncs)) in targets.iter().zip(&rows) {
        let rate = load::median(turns, |turn| turn.per_second);
        let times = peer
            .filter(|_| target.name == "chaperone")
            .map_or(String::new(), |peer| format!("{:.1}", rate / peer));
        say(&format!(
            "{:<10} {:>5}  {:<5} {:>9.2}  {:<10} {:>9.0} {:>9.2} {:>9.2} {:>8.0}  {times}",
            cell.payload,
            cell.connections,
            if cell.busy { "busy" } else { "quiet" },
            load::median(syncs, |sync| *sync),
            target.name,
            rate,
            load::median(turns, |turn| turn.p50),
            load::median(turns, |turn| turn.p99),
            load::peak_memory(target.pid)?,
        ));
        let refused: usize = turns.iter().map(|turn| turn.refused).sum();
        if refused > 0 {
            say(&format!("           {} of {} refused {refused}", cell.connections, target.name));
        }
    }
    Ok(())
}

/// Every delivery that was answered as taken in is a row.
async fn kept(database: &Path, answered: u64) -> Result<()> {
    let pool = chaperone::db::open(database).await?;
    let (rows,): (i64,) = sqlx::query_as("SELECT count(*) FROM deliveries").fetch_one(&pool).await?;
    say(&format!("{answered} deliveries were answered with 2xx, {rows} are kept"));
    ensure!(
        u64::try_from(rows)? == answered,
        "a delivery was answered and is not kept, or the other way round"
    );
    Ok(())
}

/// How long 12 KiB take to reach the disk now, in milliseconds.
fn sync_time(dir: &Path) -> Result<f64> {
    let mut file = std::fs::File::create(dir.join("sync"))?;
    let mut times = Vec::new();
    for _ in 0..20 {
        file.write_all(&[b'x'; 12_288])?;
        let begin = Instant::now();
        file.sync_data()?;
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(load::median(&times, |time| *time))
}

/// Somebody else who writes and waits for the disk, until dropped.
struct Busy {
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Busy {
    fn start(path: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..4)
            .map(|number| {
                let (stop, path) = (Arc::clone(&stop), path.with_extension(number.to_string()));
                std::thread::spawn(move || {
                    let Ok(mut file) = std::fs::File::create(&path) else { return };
                    while !stop.load(Ordering::Relaxed) {
                        // A disk that is full ends this writer only.
                        let wrote = file.rewind().and_then(|()| file.write_all(&[b'y'; 1 << 19]));
                        if wrote.and_then(|()| file.sync_all()).is_err() {
                            return;
                        }
                    }
                })
            })
            .collect();
        Self { stop, threads }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}
