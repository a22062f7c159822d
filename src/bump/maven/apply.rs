//! The poms in the work container, and what Maven makes of them.
//!
//! The plan was made by our own reading of the poms. The real Maven has the
//! last word: [`prove`] asks it for every copy of a package in every module.

use std::time::Duration;

use super::Plan;
use super::range;
use crate::advisory::{Advisory, InstalledCopy, Proof};
use crate::exec::{Command, Exec, Exit, Output, run_recorded};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::record::Recorder;
use crate::text;

const TIMEOUT: Duration = Duration::from_mins(10);
const OUTPUT_CAP: usize = 8 * 1024 * 1024;
/// Bytes of Maven's own words in a failure.
const SAID: usize = 600;
/// The goal that prints trees. A repository may pin another version of the
/// plugin; what we read is the format of this one.
const TREE: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.0:tree";

/// Writes the plan's poms into the work container.
///
/// # Errors
/// The container fails.
pub async fn apply(exec: &dyn Exec, plan: &Plan, _recorder: &Recorder) -> Result<(), Failure> {
    for (path, text) in &plan.manifests {
        exec.write(path, text.as_bytes()).await?;
    }
    Ok(())
}

/// Lets the real Maven resolve every module, and checks each copy of the
/// advisories' package. The advisories are all about one package.
///
/// # Errors
/// Maven cannot resolve the modules, or the container fails.
pub async fn prove(exec: &dyn Exec, advisories: &[Advisory], recorder: &Recorder) -> Result<Proof, Failure> {
    let Some(first) = advisories.first() else { return Err(Failure::bug("prove a fix without an advisory")) };
    let ranges: Vec<String> = advisories
        .iter()
        .filter(|advisory| advisory.package == first.package)
        .flat_map(|advisory| advisory.vulnerable.iter().cloned())
        .collect();
    let includes = format!("-Dincludes={}", first.package);
    let output = maven(exec, &[TREE, &includes], recorder).await?;
    let copies = copies(&output.stdout_text(), &first.package, &ranges);
    Ok(Proof { package: first.package.clone(), ranges, copies })
}

/// Runs one goal of a plugin, such as the one that writes a lock of versions.
///
/// # Errors
/// The goal fails, or the container does.
pub async fn run_goal(exec: &dyn Exec, goal: &str, recorder: &Recorder) -> Result<(), Failure> {
    maven(exec, &[goal], recorder).await.map(|_output| ())
}

async fn maven(exec: &dyn Exec, words: &[&str], recorder: &Recorder) -> Result<Output, Failure> {
    let argv = ["mvn", "-B", "-ntp", "-Dstyle.color=never"].iter().chain(words).copied();
    let mut command = Command::new(argv).timeout(TIMEOUT);
    command.output_cap = OUTPUT_CAP;
    let output = run_recorded(exec, "work", command, recorder).await?;
    match output.exit {
        Exit::Code(0) if output.truncated => Err(Failure::bug("read all of Maven's trees")),
        Exit::Code(0) => Ok(output),
        Exit::TimedOut => Err(Failure::transient(Outcome::FetchFailed, "finish Maven's work in time")),
        _ => Err(classify(&text::plain(&output.stdout_text()))),
    }
}

/// What Maven's words about an unfinished resolution mean.
///
/// Maven has no codes: the sentences below are those of its resolver and
/// model builder, the same since 3.0. The more telling one is asked first.
#[must_use]
pub fn classify(said: &str) -> Failure {
    let line = |words: &[&str]| {
        said.lines().find(|line| line.contains("ERROR") && words.iter().any(|word| line.contains(word)))
    };
    let words = |line: &str| text::head(line.trim_start_matches("[ERROR]").trim(), SAID);
    let fetch =
        |what: &str, line: &str| Failure::user(Outcome::FetchFailed, format!("{what}\n{}", words(line)));
    let refused = [
        "status code: 401",
        "status code: 403",
        "status: 401",
        "status: 403",
        "Not authorized",
        "Unauthorized",
    ];
    if let Some(line) = line(&refused) {
        return fetch("read a repository that wants credentials", line);
    }
    if let Some(line) =
        line(&["status code: 5", "status: 5", "Connection refused", "timed out", "Connection reset"])
    {
        return Failure::transient(Outcome::FetchFailed, "fetch packages through the gateway")
            .because(anyhow::anyhow!(words(line)));
    }
    if let Some(line) = line(&["Non-resolvable parent POM"]) {
        return fetch("find a parent of the poms", line);
    }
    if let Some(line) = line(&["Non-resolvable import POM"]) {
        return fetch("find a bill of materials of the poms", line);
    }
    if let Some(line) =
        line(&["Non-parseable POM", "Malformed POM", "problems were encountered while processing"])
    {
        return Failure::user(Outcome::EditFailed, format!("read the poms\n{}", words(line)));
    }
    if let Some(line) = line(&["Could not find artifact", "No versions available", "was not found in"]) {
        return Failure::user(Outcome::NoSafeVersion, format!("resolve the dependencies\n{}", words(line)));
    }
    if let Some(line) = line(&["Could not transfer", "Cannot access"]) {
        return Failure::transient(Outcome::FetchFailed, "fetch packages through the gateway")
            .because(anyhow::anyhow!(words(line)));
    }
    let first = line(&["ERROR"]).unwrap_or("Maven did not say why");
    Failure::user(Outcome::EditFailed, format!("resolve the dependencies with Maven\n{}", words(first)))
}

/// The copies of a package in Maven's printed trees, each once.
fn copies(printed: &str, package: &str, ranges: &[String]) -> Vec<InstalledCopy> {
    let mut copies: Vec<InstalledCopy> = Vec::new();
    let mut above: Vec<String> = Vec::new();
    for line in printed.lines().filter_map(|line| line.strip_prefix("[INFO] ")) {
        let name = line.trim_start_matches(['|', ' ', '+', '\\', '-']);
        // Every level is three characters wide.
        let level = (line.len() - name.len()) / 3;
        let parts: Vec<&str> = name.split_whitespace().next().unwrap_or_default().split(':').collect();
        let [group, artifact, _kind, rest @ ..] = parts.as_slice() else { continue };
        // The module at the root has no scope behind its version.
        let version = if level == 0 { rest.last() } else { rest.iter().rev().nth(1) };
        let Some(version) = version else { continue };
        above.truncate(level);
        above.push((*artifact).to_owned());
        if level > 0 && format!("{group}:{artifact}") == package {
            let copy = InstalledCopy {
                version: (*version).to_owned(),
                path: above.join(" > "),
                vulnerable: ranges.iter().any(|range| range::in_advisory(version, range)),
            };
            if !copies.contains(&copy) {
                copies.push(copy);
            }
        }
    }
    copies
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "[INFO] Scanning for projects...\n\
        [INFO] --- dependency:3.6.0:tree (default-cli) @ core ---\n\
        [INFO] com.example:core:jar:1.0\n\
        [INFO] \\- g:lib:jar:2.0:compile\n\
        [INFO]    \\- g:bad:jar:1.0:compile\n\
        [INFO] --- dependency:3.6.0:tree (default-cli) @ web ---\n\
        [INFO] com.example:web:jar:1.0\n\
        [INFO] +- com.example:core:jar:1.0:compile\n\
        [INFO] |  \\- g:lib:jar:2.0:compile\n\
        [INFO] |     \\- g:bad:jar:linux-x86_64:1.5:runtime (optional)\n\
        [INFO] \\- g:bad:jar:1.5:compile\n\
        [INFO] BUILD SUCCESS\n";

    #[test]
    fn every_copy_is_found_with_its_path() {
        let copies = copies(PRINTED, "g:bad", &["< 1.5".to_owned()]);
        let told: Vec<(&str, &str, bool)> =
            copies.iter().map(|copy| (copy.version.as_str(), copy.path.as_str(), copy.vulnerable)).collect();
        assert_eq!(
            told,
            [
                ("1.0", "core > lib > bad", true),
                ("1.5", "web > core > lib > bad", false),
                ("1.5", "web > bad", false),
            ]
        );
    }

    #[test]
    fn mavens_sentences_become_outcomes() {
        for (said, outcome) in [
            ("[ERROR] Could not find artifact g:a:jar:9 in central (u)", Outcome::NoSafeVersion),
            (
                "[ERROR] Could not transfer artifact g:a:pom:1 from/to x: status code: 401, reason phrase: Unauthorized",
                Outcome::FetchFailed,
            ),
            (
                "[ERROR] Could not transfer artifact g:a:pom:1 from/to x: status code: 503",
                Outcome::FetchFailed,
            ),
            (
                "[FATAL] [ERROR] Non-resolvable parent POM for c:e:1: Could not find artifact g:p:pom:1",
                Outcome::FetchFailed,
            ),
            ("[ERROR] Non-parseable POM /work/pom.xml: end tag", Outcome::EditFailed),
            ("nothing that is known", Outcome::EditFailed),
        ] {
            assert_eq!(classify(said).outcome(), outcome, "{said}");
        }
    }
}
