//! What Maven prints: which goals ran and failed, and the few lines that say
//! why. Read for people, for the model and for the comparison; that a build
//! failed is decided by its exit code.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

/// Lines of a digest, and characters of one line.
const LINES: usize = 60;
const LINE: usize = 300;
/// Failed goals that a digest names: the last ones.
const GOALS: usize = 8;
/// Bytes of a digest: it is shown whole wherever it is shown.
const DIGEST: usize = 3400;

/// What a plugin's goal checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Build,
    Test,
    Lint,
}

const TESTERS: [&str; 5] = ["surefire", "failsafe", "junit", "tycho-surefire", "testng"];
const POLICIES: [&str; 18] = [
    "enforcer",
    "checkstyle",
    "spotbugs",
    "findbugs",
    "pmd",
    "license",
    "animal-sniffer",
    "japicmp",
    "clirr",
    "revapi",
    "rat",
    "forbiddenapis",
    "spotless",
    "jacoco",
    "dependency-lock",
    "duplicate-finder",
    "modernizer",
    "dependency",
];

#[expect(clippy::expect_used, reason = "the expressions are literals, and a test uses them all")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a literal expression compiles")
}

/// `maven-enforcer-plugin:3.5.0:enforce (id) @ module`, and since Maven 3.9
/// `enforcer:3.5.0:enforce`.
static RAN: LazyLock<Regex> = LazyLock::new(|| regex(r"^\[INFO\] --- (\S+?):[^:\s]+:(\S+) .*@ "));
static FAILED: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^\[ERROR\] Failed to execute goal (?:[^:\s]+:)?([^:\s]+):[^:\s]+:(\S+)"));
static SOURCE: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^\[(ERROR|WARNING)\] \S+\.(?:java|kt|groovy|scala)\b[:\s]"));
static LEVEL: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"UnsupportedClassVersionError|class file (?:has wrong )?version|more recent version of the Java Runtime|release version \S+ not supported|invalid (?:target|source) release|Unsupported class file major version",
    )
});
static UNRESOLVED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"Could not resolve dependencies|Could not find artifact|Could not transfer artifact|Non-resolvable (?:parent|import)|could not be resolved|Failed to read artifact descriptor|Unresolveable build extension|No versions available|Failed to collect dependencies|No plugin found for prefix",
    )
});
static TEST: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^\[ERROR\] {2,}\S+|^\S*(?:Error|Exception|Failure)(?:: .*)?$|^(?:Caused by|\[ERROR\] \S+.* <<< )")
});
static FRAME: LazyLock<Regex> = LazyLock::new(|| regex(r"^\tat (?:app//)?([\w.$]+)\("));

/// One build's log.
#[derive(Debug)]
pub(super) struct Log<'s> {
    lines: Vec<&'s str>,
    ran: BTreeSet<Kind>,
    failed: BTreeSet<Kind>,
}

impl<'s> Log<'s> {
    pub(super) fn read(said: &'s str) -> Self {
        let lines: Vec<&str> = said.lines().map(str::trim_end).collect();
        let mut log = Self { ran: BTreeSet::new(), failed: BTreeSet::new(), lines };
        for line in &log.lines {
            if let Some(goal) = RAN.captures(line) {
                log.ran.insert(kind(&goal));
            } else if let Some(goal) = FAILED.captures(line) {
                let kind = kind(&goal);
                log.ran.insert(kind);
                log.failed.insert(kind);
            } else if line.starts_with("[ERROR] Failed to execute goal on project") {
                log.failed.insert(Kind::Build);
            }
        }
        log
    }

    pub(super) fn ran(&self, kind: Kind) -> bool {
        self.ran.contains(&kind)
    }

    pub(super) fn failed(&self, kind: Kind) -> bool {
        self.failed.contains(&kind)
    }

    /// The distinct causes: a wrong level of class files first, because it
    /// explains most of what follows, then what is missing, what does not
    /// compile, what a policy forbids, which tests fail, and which goals.
    pub(super) fn digest(&self) -> String {
        // Where the build ended is never cut away: the last lines are Maven's
        // own, whatever a test printed before.
        let mut goals = Digest::default();
        let ended = self.lines.iter().rev().filter(|line| line.starts_with("[ERROR] Failed to execute goal"));
        goals.extend(ended.take(GOALS).copied());
        goals.lines.reverse();
        let mut digest = Digest { room: LINES - GOALS, ..Digest::default() };
        digest.extend(self.lines.iter().filter(|line| LEVEL.is_match(line)).copied());
        digest.extend(self.lines.iter().filter(|line| is_unresolved(line)).copied());
        self.sources(&mut digest);
        self.rules(&mut digest);
        self.tests(&mut digest);
        if digest.lines.is_empty() && goals.lines.is_empty() {
            digest.extend(self.lines.iter().filter(|line| line.starts_with("[ERROR] ")).copied());
        }
        if digest.lines.is_empty() && goals.lines.is_empty() {
            let last = self.lines.len().saturating_sub(LINES / 2);
            digest.extend(self.lines.iter().skip(last).copied());
        }
        let goals = goals.lines.join("\n");
        let mut said = crate::text::head(&digest.lines.join("\n"), DIGEST.saturating_sub(goals.len()));
        if !said.is_empty() && !goals.is_empty() {
            said.push('\n');
        }
        said + &goals
    }

    /// `file:[line,column] message`, with the symbol and where it is looked
    /// for. Warnings tell only when they are forbidden.
    fn sources(&self, digest: &mut Digest) {
        let strict =
            self.lines.iter().any(|line| line.contains("-Werror") || line.contains("warnings found"));
        let mut lines = self.lines.iter().copied().peekable();
        while let Some(line) = lines.next() {
            let Some(found) = SOURCE.captures(line) else { continue };
            if !strict && found.get(1).is_some_and(|level| level.as_str() == "WARNING") {
                continue;
            }
            let mut whole = line.to_owned();
            let detail = |next: &&str| {
                let next = next.strip_prefix("[ERROR]").unwrap_or(next);
                next.starts_with("  ") && !next.trim().is_empty()
            };
            while let Some(more) = lines.next_if(detail) {
                let more = more.strip_prefix("[ERROR]").unwrap_or(more);
                whole = format!("{whole} | {}", more.split_whitespace().collect::<Vec<_>>().join(" "));
            }
            digest.push(&whole);
        }
    }

    /// The enforcer's rules with the paths that they name.
    fn rules(&self, digest: &mut Digest) {
        let mut inside = false;
        for line in &self.lines {
            let heading = line.contains("Dependency convergence error")
                || line.starts_with("[ERROR] Rule ")
                || line.contains("upper bound dependencies error");
            let level = ["[INFO]", "[WARNING]", "[DEBUG]"].iter().any(|level| line.starts_with(level));
            let next = ["[ERROR] Failed to execute", "[ERROR] -> [Help"];
            let next = level || next.iter().any(|next| line.starts_with(next));
            inside = heading || (inside && !next && !line.is_empty());
            if inside {
                digest.push_whole(line);
            }
        }
    }

    /// The names and the exceptions, each with the first frame below it.
    fn tests(&self, digest: &mut Digest) {
        if !self.failed(Kind::Test) {
            return;
        }
        let mut lines = self.lines.iter().copied().peekable();
        while let Some(line) = lines.next() {
            if TEST.is_match(line) && !line.contains("Time elapsed") && digest.push(line) {
                let frame = lines.peek().filter(|next| FRAME.is_match(next)).copied();
                if let Some(frame) = frame {
                    digest.push(&format!("    {}", frame.trim()));
                }
            }
        }
    }
}

fn kind(goal: &regex::Captures<'_>) -> Kind {
    let part = |index: usize| goal.get(index).map(|part| part.as_str()).unwrap_or_default();
    let (plugin, goal) = (part(1), part(2));
    let name = plugin.trim_start_matches("maven-").trim_end_matches("-plugin").trim_end_matches("-maven");
    let check = goal.contains("check") || goal.contains("analyze") || goal.contains("verify");
    if TESTERS.iter().any(|tester| name.starts_with(tester)) {
        Kind::Test
    } else if name == "hpi" && goal.starts_with("validate") {
        Kind::Lint
    } else if ["dependency", "jacoco", "license"].contains(&name) {
        // These also do work that is not a check.
        if check { Kind::Lint } else { Kind::Build }
    } else if POLICIES.iter().any(|policy| name.starts_with(policy)) {
        Kind::Lint
    } else {
        Kind::Build
    }
}

fn is_unresolved(line: &str) -> bool {
    line.starts_with("[ERROR]") && UNRESOLVED.is_match(line)
}

/// What could not be resolved, if anything.
pub(super) fn unresolved(said: &str) -> Option<String> {
    let mut digest = Digest::default();
    digest.extend(said.lines().map(str::trim_end).filter(|line| is_unresolved(line)));
    (!digest.lines.is_empty()).then(|| digest.lines.join("\n"))
}

/// Lines without doubles, up to a number of them.
#[derive(Debug)]
struct Digest {
    room: usize,
    lines: Vec<String>,
    seen: BTreeSet<String>,
}

impl Default for Digest {
    fn default() -> Self {
        Self { room: LINES, lines: Vec::new(), seen: BTreeSet::new() }
    }
}

impl Digest {
    fn extend<'l>(&mut self, lines: impl Iterator<Item = &'l str>) {
        for line in lines {
            self.push(line);
        }
    }

    /// Was it new?
    fn push(&mut self, line: &str) -> bool {
        let line = line.strip_prefix("[ERROR]").unwrap_or(line).replace("/work/", "").trim().to_owned();
        if line.is_empty() || line.starts_with("-> [Help") || !self.seen.insert(line.clone()) {
            return false;
        }
        self.push_whole(&line);
        true
    }

    /// With its indentation, and even when it stands there already.
    fn push_whole(&mut self, line: &str) {
        let line =
            line.strip_prefix("[ERROR] ").unwrap_or(line).split(" -> [Help").next().unwrap_or_default();
        if self.lines.len() < self.room && !matches!(line.trim(), "" | "[ERROR]") {
            self.lines.push(crate::text::head(line, LINE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_sorted_by_what_they_check() {
        for (goal, expected) in [
            ("org.apache.maven.plugins:maven-compiler-plugin:3.1:compile", Kind::Build),
            ("org.apache.maven.plugins:maven-surefire-plugin:3.1:test", Kind::Test),
            ("org.apache.maven.plugins:maven-failsafe-plugin:3.1:verify", Kind::Test),
            ("com.carrotsearch.randomizedtesting:junit4-maven-plugin:2.8:junit4", Kind::Test),
            ("org.apache.maven.plugins:maven-enforcer-plugin:3.1:enforce", Kind::Lint),
            ("com.github.spotbugs:spotbugs-maven-plugin:4.8:check", Kind::Lint),
            ("org.jenkins-ci.tools:maven-hpi-plugin:3.1:validate-hpi", Kind::Lint),
            ("org.apache.maven.plugins:maven-dependency-plugin:3.1:analyze-only", Kind::Lint),
            ("org.apache.maven.plugins:maven-dependency-plugin:3.1:copy", Kind::Build),
            ("se.vandmo:dependency-lock-maven-plugin:0.1:check", Kind::Lint),
            ("org.jetbrains.kotlin:kotlin-maven-plugin:1.9:compile", Kind::Build),
        ] {
            let said = format!("[ERROR] Failed to execute goal {goal} (default) on project a: no");
            let log = Log::read(&said);
            assert!(log.failed(expected) && log.failed.len() == 1, "{goal}: {:?}", log.failed);
        }
        let ran = Log::read("[INFO] --- enforcer:3.5.0:enforce (default) @ a ---\n");
        assert!(ran.ran(Kind::Lint) && !ran.failed(Kind::Lint));
    }

    #[test]
    fn a_digest_names_each_cause_once_and_the_deepest_first() {
        let error = "[ERROR] /work/a/src/main/java/app/App.java:[3,12] cannot find symbol\n  symbol:   method len()\n  location: class acme.Greeter\n";
        let said = format!(
            "[INFO] Compiling\n{error}{error}[ERROR] /work/a/B.java:[1,1] cannot access acme.Greeter\n  bad class file: x.jar\n    class file has wrong version 65.0, should be 61.0\n\
             [ERROR] Failed to execute goal org.apache.maven.plugins:maven-compiler-plugin:3.10.1:compile (default-compile) on project a: Compilation failure -> [Help 1]\n[ERROR] \n[ERROR] To see the full stack trace"
        );
        let log = Log::read(&said);
        assert_eq!(
            log.digest().lines().collect::<Vec<_>>(),
            [
                "class file has wrong version 65.0, should be 61.0",
                "a/src/main/java/app/App.java:[3,12] cannot find symbol | symbol: method len() | location: class acme.Greeter",
                "a/B.java:[1,1] cannot access acme.Greeter | bad class file: x.jar | class file has wrong version 65.0, should be 61.0",
                "Failed to execute goal org.apache.maven.plugins:maven-compiler-plugin:3.10.1:compile (default-compile) on project a: Compilation failure",
            ]
        );
    }

    #[test]
    fn an_enforcer_rule_keeps_its_paths() {
        let said = "[WARNING] \nDependency convergence error for a:b:jar:1 paths to dependency are:\n+-c:d\n  +-a:b:1\nand\n+-e:f\n  +-a:b:2\n\n\
             [ERROR] Rule 0: org.X failed with message:\nFailed while enforcing.\n[INFO] ----\n[ERROR] Failed to execute goal org.apache.maven.plugins:maven-enforcer-plugin:3.1.0:enforce (e) on project enf: Some\n";
        let digest = Log::read(said).digest();
        for part in
            ["convergence error for a:b:jar:1", "  +-a:b:1", "  +-a:b:2", "Rule 0: org.X", "while enforcing."]
        {
            assert!(digest.contains(part), "{part:?} is not in {digest}");
        }
    }

    #[test]
    fn a_rule_behind_its_goal_is_read_too_and_the_goals_are_never_cut_away() {
        let goal = "[ERROR] Failed to execute goal org.apache.maven.plugins:maven-enforcer-plugin:3.5.0:enforce (e) on project enf: ";
        let rule = "[ERROR] Rule 0: org.X failed with message:\n[ERROR] Dependency convergence error for a:b:jar:1 paths to dependency are:\n\
            [ERROR] +-c:d\n[ERROR]   +-a:b:1\n[ERROR] and\n[ERROR] +-e:f\n[ERROR]   +-a:b:2\n[ERROR] -> [Help 1]\n[ERROR] \n[ERROR] To see the full stack trace\n";
        let digest = Log::read(&format!("{goal}\n{rule}")).digest();
        let last = "Failed to execute goal org.apache.maven.plugins:maven-enforcer-plugin:3.5.0:enforce (e) on project enf:";
        assert!(digest.contains("\n  +-a:b:2\n") && digest.trim_end().ends_with(last), "{digest}");
        assert!(!digest.contains("full stack") && !digest.contains("[ERROR]"), "{digest}");
        let printed: String = (0..99)
            .map(|n| {
                format!(
                    "[ERROR] Failed to execute goal a:b:{n}:c (x) on project y: z\n[ERROR] Rule {n}: {}\n",
                    "long ".repeat(80)
                )
            })
            .collect();
        let digest = Log::read(&format!("{printed}{goal}\n")).digest();
        assert!(digest.len() <= DIGEST + 8 && digest.trim_end().ends_with(last), "{digest}");
    }

    #[test]
    fn failing_tests_are_named_with_their_exceptions() {
        let said = "[ERROR] n(app.AppTest)  Time elapsed: 0.021 s  <<< ERROR!\njava.lang.NoSuchMethodError: 'int acme.Greeter.len()'\n\tat app.AppTest.n(AppTest.java:1)\n\n\
             [INFO] Results:\n[ERROR] Errors: \n[ERROR]   AppTest.n:1 » NoSuchMethod 'int acme.Greeter.len()'\n\
             [ERROR] Failed to execute goal org.apache.maven.plugins:maven-surefire-plugin:2.22.3:test (default-test) on project a: There are test failures.\n";
        let digest = Log::read(said).digest();
        for part in
            ["NoSuchMethodError: 'int", "at app.AppTest.n(AppTest.java:1)", "AppTest.n:1 » NoSuchMethod"]
        {
            assert!(digest.contains(part), "{part:?} is not in {digest}");
        }
    }

    #[test]
    fn a_missing_artifact_is_no_compile_failure() {
        let missing = "[ERROR] Failed to execute goal on project a: Could not resolve dependencies for project x:a:jar:1: Could not find artifact com.acme:greeter:jar:9.9.9 in gateway";
        assert!(unresolved(missing).unwrap().contains("com.acme:greeter:jar:9.9.9"));
        assert_eq!(unresolved("[ERROR] /work/A.java:[1,1] cannot find symbol"), None);
    }

    #[test]
    fn real_logs_are_summarised_by_their_cause() {
        use std::io::Write as _;
        let Some(shared) = std::env::var_os("CHAPERONE_SHARED") else {
            writeln!(std::io::stderr(), "CHAPERONE_SHARED names no sample logs: none was read").unwrap();
            return;
        };
        for (name, first) in [
            ("21-mvn-testfail", "expected:<Hello[] Bob> but was:<Hello[,] Bob>"),
            ("23-mvn-classversion", "UnsupportedClassVersionError"),
            ("24-mvn-unresolved", "com.acme:greeter:jar:9.9.9"),
            ("25-mvn-clean-compile", "[1,"),
            ("26-mvn-clean-classversion", "65.0"),
            ("27-mvn-q-compile", "[1,"),
            ("28-mvn-enforcer", "convergence error for com.acme:greeter"),
        ] {
            let path = std::path::Path::new(&shared).join("logs").join(format!("{name}.log"));
            let said = std::fs::read_to_string(path).unwrap();
            let digest = Log::read(&crate::text::plain(&said)).digest();
            assert!(digest.lines().take(2).any(|line| line.contains(first)), "{name}:\n{digest}");
            assert!(digest.lines().count() <= LINES, "{name}:\n{digest}");
        }
    }
}
