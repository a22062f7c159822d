//! The figures of the editor, and of a lockfile that was seen before.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chaperone::bump::edit::{self, Change, Texts};
use chaperone::change::Ecosystem;
use serde_json::{Value, json};
use standin::fixtures;

use super::{milliseconds, percentile, say, service, session_on, variable};

const ROUNDS: usize = 500;

pub(super) fn one_manifest() -> Result<()> {
    let dependencies: serde_json::Map<String, Value> =
        (0..120).map(|number| (format!("package-{number}"), json!(format!("^{number}.1.0")))).collect();
    let manifest = serde_json::to_string_pretty(&json!({ "name": "large", "dependencies": dependencies }))?;
    let npm = change("package-60", "60.1.0", "61.0.0");
    timed("edit of a package.json with 120 dependencies", Ecosystem::Npm, "package.json", (manifest, npm))?;
    let one = |number: usize| {
        format!(
            "<dependency><groupId>g</groupId><artifactId>a{number}</artifactId><version>1.{number}</version></dependency>\n"
        )
    };
    let all: String = (0..120).map(one).collect();
    let pom = format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n<dependencies>\n{all}</dependencies>\n</project>\n"
    );
    let maven = change("g:a60", "1.60", "2.0");
    timed("edit of a pom.xml with 120 dependencies", Ecosystem::Maven, "pom.xml", (pom, maven))
}

fn change(name: &str, from: &str, to: &str) -> Change {
    Change { name: name.into(), from: from.into(), to: to.into() }
}

fn timed(figure: &str, ecosystem: Ecosystem, path: &str, (text, change): (String, Change)) -> Result<()> {
    let files = Texts::from([(path.to_owned(), text)]);
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        let edited = edit::edit(ecosystem, &files, std::slice::from_ref(&change))?;
        times.push(milliseconds(begin.elapsed()));
        anyhow::ensure!(edited != files, "nothing was edited");
    }
    let shown = format!("p50 {:.3}, p99 {:.3} ms", percentile(&mut times, 50), percentile(&mut times, 99));
    say(figure, &shown, "≤ 1 ms");
    Ok(())
}

/// All recorded bumps through one process, when `CHAPERONE_SHARED` names them.
#[expect(clippy::disallowed_methods, reason = "the measured program is started as a script starts it")]
pub(super) fn recorded_bumps() -> Result<()> {
    let figure = "recorded bumps, edited in one process";
    let Some(shared) = std::env::var_os("CHAPERONE_SHARED") else {
        say(figure, "CHAPERONE_SHARED not set", "≤ 5 s");
        return Ok(());
    };
    let bumps = Path::new(&shared).join("goldens/real_bumps_dev.jsonl.gz");
    let unpacked = Command::new("zcat").arg(bumps).output().context("could not unpack the bumps")?;
    let lines: Vec<String> = String::from_utf8(unpacked.stdout)?.lines().filter_map(question).collect();
    let begin = Instant::now();
    let mut editor = Command::new(variable("CHAPERONE_RELEASE")?)
        .args(["plumbing", "edit"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = editor.stdin.take().context("no standard input")?;
    let asked = lines.join("\n");
    let writer = std::thread::spawn(move || input.write_all(asked.as_bytes()));
    let output = editor.wait_with_output()?;
    writer.join().map_err(|_panic| anyhow::anyhow!("the writer failed"))??;
    let answers = output.stdout.iter().filter(|byte| **byte == b'\n').count();
    say(figure, &format!("{answers} in {:.2} s", begin.elapsed().as_secs_f64()), "≤ 5 s");
    Ok(())
}

fn question(line: &str) -> Option<String> {
    let bump: Value = serde_json::from_str(line).ok()?;
    let manifest = bump["manifests"].get(0)?;
    let path = manifest["path"].as_str()?;
    let ecosystem = if path.ends_with("pom.xml") { "maven" } else { "npm" };
    let change = json!({ "name": bump["dep"], "from": bump["frm"], "to": bump["to"] });
    Some(
        json!({ "ecosystem": ecosystem, "files": { path: manifest["before"] }, "changes": [change] })
            .to_string(),
    )
}

/// Two sessions on the same lockfile, in two repositories.
pub(super) async fn the_same_lockfile() -> Result<()> {
    for (name, files, title) in [
        ("npm", fixtures::breaking(), "Bump `marked` to `4.3.0`"),
        ("Maven", fixtures::modules(), "Bump `org.jsoup:jsoup` to `1.15.3`"),
    ] {
        let dir = tempfile::tempdir()?;
        let (github, model, service) = service(&files, dir.path()).await?;
        github.add_repo("octo/again", &files).await?;
        // What the model makes of it does not matter here: the packages do.
        let first = session_on(&github, &service, "octo/app", title).await?;
        let again = session_on(&github, &service, "octo/again", title).await?;
        drop(model);
        service.stop().await?;
        let shown = format!("{} requests, first {}", upstream(&again.1), upstream(&first.1));
        let times = format!("{:.1} s then {:.1} s", seconds(first.0), seconds(again.0));
        say(&format!("{name}: the same lockfile again, asked upstream"), &shown, "0");
        say(&format!("{name}: the two sessions"), &times, "-");
    }
    Ok(())
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

fn upstream(events: &[Value]) -> usize {
    events.iter().filter(|event| event["event"] == "fetched" && event["from_cache"] == false).count()
}
