//! `chaperone plumbing`: the pure parts for scripts, line by line.
//!
//! Every line of input gets one line of output, in order. A line that cannot
//! be understood gets an error in its place, and the next one is read: only
//! an input or output that fails ends the program.

mod summarize;

use std::cmp::Ordering;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::app;
use crate::bump::Ask;
use crate::bump::edit::{self, Change, Texts, npm};
use crate::bump::maven;
use crate::change::{Bump, Ecosystem};
use crate::config::Config;

const BUFFER: usize = 1 << 16;

/// What the plumbing does.
#[derive(Debug, Subcommand)]
pub(super) enum Plumbing {
    /// Edit manifests: one JSON object a line in, one out.
    ///
    /// In, with every manifest by its path:
    ///
    ///   {"ecosystem":"npm","files":{"package.json":"{\"dependencies\":{\"ms\":\"^2.0.0\"}}"},"changes":[{"name":"ms","from":"2.0.0","to":"2.1.3"}]}
    ///
    /// Out, with all the files, or with the reason when the edit is refused:
    ///
    ///   {"files":{"package.json":"{\"dependencies\":{\"ms\":\"^2.1.3\"}}"}}
    ///   {"error":"could not find ms in the dependencies in package.json"}
    ///
    /// npm: `name` is the package. maven: `group:artifact`, or the artifact
    /// alone. Only the bytes of versions change.
    #[command(verbatim_doc_comment)]
    Edit,
    /// Compare versions: `a TAB b` a line in; -1, 0 or 1 out.
    ///
    ///   1.0.0-rc.1<TAB>1.0.0
    ///   -1
    ///
    /// A line without two versions gets one that begins with "could not".
    #[command(verbatim_doc_comment)]
    CompareVersions(Whose),
    /// Try ranges: `version TAB range` a line in, `true` or `false` out.
    ///
    ///   1.4.2<TAB>^1.2.3
    ///   true
    ///
    /// npm's options "loose" and "includePrerelease" are off. What is no
    /// version or no range is not satisfied; a line without a tab gets one
    /// that begins with "could not".
    #[command(verbatim_doc_comment)]
    Satisfies(Whose),
    /// Decide on a version and the way to it, for a checkout: one JSON object
    /// out. The checkout stays as it is, and no container is started.
    ///
    ///   {"target":"6.5.3","from":"6.5.1","step":"ancestor_bump","reasons":["…"],"others":[…]}
    ///   {"reasons":["could not …"],"outcome":"no_safe_version"}
    ///
    /// Steps: direct, in_range_refresh, ancestor_bump, ancestor_major,
    /// override (npm); direct, bom_bump, bom_property, ancestor_bump,
    /// ancestor_major, managed_pin (maven).
    #[command(verbatim_doc_comment)]
    Resolve(Question),
    /// Say why a build failed: its log in, one JSON object out.
    ///
    ///   {"category":"compilation","causes":[{"kind":"compilation","file":"src/a.ts","line":3,"message":"…","times":2}],"lines":["src/a.ts:3 … (×2)"]}
    ///
    /// The causes are distinct, the deepest first. Categories: class_version,
    /// engine, dependency_resolution, peer_conflict, enforcer,
    /// dependency_lock, crash, missing_script, config, compilation, werror,
    /// test, lint, timeout, no_tests, unknown, none.
    #[command(verbatim_doc_comment)]
    Summarize(summarize::Whose),
}

#[derive(Debug, Args)]
pub(super) struct Question {
    /// The checkout; its files are read as they lie there.
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
    /// `package` or `package@version`; a Maven package is `group:artifact`.
    #[arg(long, value_name = "PKG@VERSION", value_parser = super::parse_bump)]
    package: Bump,
    /// An advisory about the package, or a list of them, JSON: a webhook's
    /// body, an alert, an advisory of GitHub's, an OSV record, or
    /// {"package":"qs","vulnerable":["< 6.5.3"]}.
    #[arg(long, value_name = "FILE")]
    advisory: Vec<PathBuf>,
}

async fn resolve(config: &Config, question: &Question) -> anyhow::Result<()> {
    let advisories = super::all_advisories(&question.advisory)?;
    let ask = Ask { bumps: vec![question.package.clone()], advisories };
    let answer = app::resolve(config, &question.repo, &ask).await?;
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &answer).context("could not write the answer")?;
    writeln!(out).context("could not write the answer")
}

#[derive(Debug, Args)]
pub(super) struct Whose {
    /// Whose rules hold.
    #[arg(long, value_enum)]
    ecosystem: Name,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Name {
    Npm,
    Maven,
}

/// Answers every line of the standard input.
///
/// # Errors
/// The standard input or output fails.
pub(super) async fn main(
    plumbing: &Plumbing,
    config: impl FnOnce() -> anyhow::Result<Config>,
) -> anyhow::Result<()> {
    match plumbing {
        Plumbing::Resolve(question) => return resolve(&config()?, question).await,
        Plumbing::Summarize(whose) => return summarize::main(whose),
        Plumbing::Edit | Plumbing::CompareVersions(_) | Plumbing::Satisfies(_) => {}
    }
    let input = BufReader::with_capacity(BUFFER, io::stdin().lock());
    let output = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    match plumbing {
        Plumbing::Edit => each_line(input, output, edit_line),
        Plumbing::CompareVersions(whose) => {
            each_line(input, output, |line, out| compare_line(whose.ecosystem, line, out))
        }
        Plumbing::Satisfies(whose) => {
            each_line(input, output, |line, out| satisfies_line(whose.ecosystem, line, out))
        }
        Plumbing::Resolve(_) | Plumbing::Summarize(_) => Ok(()),
    }
}

fn each_line<R: io::Read, W: Write>(
    mut input: BufReader<R>,
    mut output: W,
    mut answer: impl FnMut(&[u8], &mut W) -> io::Result<()>,
) -> anyhow::Result<()> {
    let mut line = Vec::new();
    loop {
        // Somebody may wait for the answer before writing more.
        if input.buffer().is_empty() {
            output.flush().context("could not write the answers")?;
        }
        line.clear();
        if input.read_until(b'\n', &mut line).context("could not read the lines")? == 0 {
            return output.flush().context("could not write the answers");
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        answer(text, &mut output).context("could not write the answers")?;
    }
}

#[derive(Debug, Deserialize)]
struct Request {
    ecosystem: Ecosystem,
    files: Texts,
    changes: Vec<Change>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Files(Texts),
    Error(String),
}

fn edit_line(line: &[u8], out: &mut impl Write) -> io::Result<()> {
    let answer = match serde_json::from_slice::<Request>(line) {
        Err(error) => Answer::Error(format!("could not read the request: {error}")),
        Ok(request) => match edit::edit(request.ecosystem, &request.files, &request.changes) {
            Ok(files) => Answer::Files(files),
            Err(refused) => Answer::Error(refused.to_string()),
        },
    };
    serde_json::to_writer(&mut *out, &answer)?;
    out.write_all(b"\n")
}

/// The two texts on a line.
fn pair(line: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(line).ok()?.split_once('\t')
}

fn compare_line(ecosystem: Name, line: &[u8], out: &mut impl Write) -> io::Result<()> {
    let order = pair(line).and_then(|(a, b)| match ecosystem {
        Name::Npm => npm::range::compare(a, b),
        Name::Maven => Some(maven::version::compare(a, b)),
    });
    out.write_all(match order {
        Some(Ordering::Less) => b"-1\n",
        Some(Ordering::Equal) => b"0\n",
        Some(Ordering::Greater) => b"1\n",
        None => b"could not read two versions with a tab between them\n",
    })
}

fn satisfies_line(ecosystem: Name, line: &[u8], out: &mut impl Write) -> io::Result<()> {
    let satisfied = pair(line).map(|(version, range)| match ecosystem {
        Name::Npm => npm::range::satisfies(version, range),
        Name::Maven => maven::range::satisfies(version, range),
    });
    out.write_all(match satisfied {
        Some(true) => b"true\n",
        Some(false) => b"false\n",
        None => b"could not read a version and a range with a tab between them\n",
    })
}
