//! The poms in the work container, and what Maven makes of them.
//!
//! The plan was made by our own reading of the poms. The real Maven has the
//! last word: [`prove`] asks it for every copy of a package in every module.
//! A repository's own settings can hide a copy from it, or a module: what is
//! not in the trees that must be there is no proof.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::model::{self, Pom};
use super::{Plan, range};
use crate::advisory::{Advisory, InstalledCopy, Proof};
use crate::bump::edit::maven::Place;
use crate::bump::edit::{self, Texts};
use crate::change::{Resolved, Step};
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

/// Where the trees are written: outside of the repository's own tree.
const TREES: &str = "/tmp/chaperone-trees.txt";
/// Everything that a repository's `.mvn/maven.config` could say otherwise; a
/// word on the command line wins over one in there.
const WORDS: [&str; 8] = [
    "-DappendOutput=true",
    "-DoutputType=text",
    "-Dtokens=standard",
    "-Dverbose=false",
    "-Dskip=false",
    // Every scope is within this one.
    "-Dscope=test",
    "-Dincludes=*",
    "-Dexcludes=-:-",
];

/// What the trees must show.
#[derive(Debug)]
pub struct Expected<'a> {
    /// All about one package.
    pub advisories: &'a [Advisory],
    /// The artifact ids of the modules that every build reaches.
    pub modules: BTreeSet<String>,
    /// The plan leaves a copy of the package.
    pub stays: bool,
}

impl<'a> Expected<'a> {
    /// What follows from a plan, and from the poms as it leaves them.
    #[must_use]
    pub fn of(resolved: &Resolved, files: &Texts, advisories: &'a [Advisory]) -> Self {
        let reached = reached(files);
        let package = advisories.first().map_or("", |advisory| advisory.package.as_str());
        let declared = edit::maven::declarations(files).unwrap_or_default();
        let is_direct = declared.iter().any(|found| {
            let name = format!("{}:{}", found.group.as_deref().unwrap_or_default(), found.artifact);
            name == package
                && found.place == Place::Dependency
                && found.profile.is_none()
                && reached.contains_key(&found.path)
        });
        let managed = matches!(resolved.step, Step::BomBump | Step::BomProperty | Step::ManagedPin);
        let stays = is_direct || (managed && resolved.package == package);
        // A name that is put together is not known here.
        let modules = reached.into_values().map(|pom| pom.gav.artifact).filter(|name| !name.contains("${"));
        Self { advisories, modules: modules.collect(), stays }
    }
}

/// The poms that a build from the root reaches without any profile.
fn reached(files: &Texts) -> BTreeMap<String, Pom> {
    let mut reached = BTreeMap::new();
    let mut waiting = vec!["pom.xml".to_owned()];
    while let Some(path) = waiting.pop() {
        let pom = files.get(&path).filter(|_| !reached.contains_key(&path));
        let Some(pom) = pom.and_then(|text| model::parse(text).ok()) else { continue };
        let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
        for module in &pom.body.modules {
            let plain = super::ground::joined(dir, module);
            let pom = if plain.is_empty() { "pom.xml".to_owned() } else { format!("{plain}/pom.xml") };
            waiting.push(if files.contains_key(&pom) { pom } else { plain });
        }
        reached.insert(path, pom);
    }
    reached
}

/// Lets the real Maven resolve every module, and checks each copy of the
/// advisories' package.
///
/// # Errors
/// Maven cannot resolve the modules, its trees do not show what they must, or
/// the container fails.
pub async fn prove(exec: &dyn Exec, expected: &Expected<'_>, recorder: &Recorder) -> Result<Proof, Failure> {
    let Some(first) = expected.advisories.first() else {
        return Err(Failure::bug("prove a fix without an advisory"));
    };
    let ranges: Vec<String> = expected
        .advisories
        .iter()
        .filter(|advisory| advisory.package == first.package)
        .flat_map(|advisory| advisory.vulnerable.iter().cloned())
        .collect();
    exec.run(Command::new(["rm", "-f", TREES])).await?;
    let file = format!("-DoutputFile={TREES}");
    let words: Vec<&str> = [TREE, &file].into_iter().chain(WORDS).collect();
    maven(exec, &words, recorder).await?;
    let mut reading = Command::new(["cat", TREES]);
    reading.output_cap = OUTPUT_CAP;
    let printed = exec.run(reading).await?;
    if printed.truncated {
        return Err(Failure::bug("read all of Maven's trees"));
    }
    shown(&printed.stdout_text(), &first.package, ranges, expected)
}

/// The proof in the trees, if they are all there.
fn shown(
    printed: &str,
    package: &str,
    ranges: Vec<String>,
    expected: &Expected<'_>,
) -> Result<Proof, Failure> {
    let unproved = |what: String| {
        let what = format!("prove that no vulnerable copy of {package} is left: {what}");
        Failure::user(Outcome::EditFailed, what)
    };
    let roots: BTreeSet<&str> = printed
        .lines()
        .filter(|line| !line.starts_with(['|', ' ', '+', '\\']))
        .filter_map(|line| line.split(':').nth(1))
        .collect();
    if roots.is_empty() {
        return Err(unproved("Maven wrote no tree".to_owned()));
    }
    if let Some(module) = expected.modules.iter().find(|module| !roots.contains(module.as_str())) {
        return Err(unproved(format!("Maven wrote no tree of the module {module}")));
    }
    let copies = copies(printed, package, &ranges);
    if expected.stays && copies.is_empty() {
        return Err(unproved("a copy must be there, and Maven's trees show none".to_owned()));
    }
    Ok(Proof { package: package.to_owned(), ranges, copies })
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
    for line in printed.lines() {
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

    const PRINTED: &str = "com.example:core:jar:1.0\n\
        \\- g:lib:jar:2.0:compile\n\
        \x20  \\- g:bad:jar:1.0:compile\n\
        com.example:web:jar:1.0\n\
        +- com.example:core:jar:1.0:compile\n\
        |  \\- g:lib:jar:2.0:compile\n\
        |     \\- g:bad:jar:linux-x86_64:1.5:runtime (optional)\n\
        \\- g:bad:jar:1.5:compile\n";

    #[test]
    fn trees_that_do_not_show_what_they_must_prove_nothing() {
        let proved = |printed: &str, package: &str, modules: &[&str], stays| {
            let modules = modules.iter().map(|module| (*module).to_owned()).collect();
            let expected = Expected { advisories: &[], modules, stays };
            shown(printed, package, vec!["< 1.0".to_owned()], &expected).map_err(|failure| {
                assert_eq!(failure.outcome(), Outcome::EditFailed);
                failure.public().to_owned()
            })
        };
        assert!(proved(PRINTED, "g:bad", &["core", "web"], true).unwrap().holds());
        assert!(proved(PRINTED, "g:other", &["core"], false).unwrap().copies.is_empty());
        assert!(proved("", "g:bad", &[], false).unwrap_err().contains("no tree"));
        assert!(proved(PRINTED, "g:bad", &["core", "lib"], false).unwrap_err().contains("module lib"));
        assert!(proved(PRINTED, "g:other", &["core"], true).unwrap_err().contains("show none"));
    }

    #[test]
    fn the_poms_say_which_trees_there_must_be_and_whether_a_copy_stays() {
        let root = "<project><artifactId>root</artifactId><modules><module>core</module></modules>\
            <profiles><profile><id>x</id><modules><module>more</module></modules></profile></profiles></project>";
        let module = |name: &str| {
            format!(
                "<project><artifactId>{name}</artifactId><dependencies><dependency><groupId>g</groupId>\
                <artifactId>{name}-bad</artifactId><version>2</version></dependency></dependencies></project>"
            )
        };
        let files = Texts::from([
            ("pom.xml".to_owned(), root.to_owned()),
            ("core/pom.xml".to_owned(), module("core")),
            ("more/pom.xml".to_owned(), module("more")),
        ]);
        let expected = |package: &str, step| {
            let package = package.to_owned();
            let resolved = Resolved { package: package.clone(), step, ..Default::default() };
            let advisories = [super::super::tests::advisory(&package, &[])];
            let Expected { modules, stays, .. } = Expected::of(&resolved, &files, &advisories);
            (modules.into_iter().collect::<Vec<_>>(), stays)
        };
        let modules = vec!["core".to_owned(), "root".to_owned()];
        assert_eq!(expected("g:core-bad", Step::Direct), (modules.clone(), true));
        assert_eq!(expected("g:more-bad", Step::Direct), (modules.clone(), false));
        assert_eq!(expected("g:deep", Step::ManagedPin), (modules.clone(), true));
        assert_eq!(expected("g:deep", Step::AncestorBump), (modules, false));
    }

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
