//! What the policies of a build say: the enforcer's rules with the paths that
//! lead to two versions, and the findings of static analysis. Also what Maven
//! itself says about poms and artifacts.

use super::super::gather::Gather;
use super::super::{Category, Cause, trace};
use super::goal::Goal;
use super::{after, squeezed};

/// How a cause begins that only names a rule.
const UNTOLD: &str = "failed rule: ";
/// Rules and findings that are kept.
const KEPT: usize = 400;

#[derive(Debug, Default)]
pub(super) struct Policy {
    rules: Vec<Cause>,
    findings: Vec<Cause>,
    open: Open,
}

#[derive(Debug, Default)]
enum Open {
    #[default]
    Nothing,
    /// A rule by its simple name, and whether it has said anything.
    Rule(String, bool),
    Tree(Tree),
}

/// `Dependency convergence error for a:b:1 paths to dependency are:`
#[derive(Debug)]
struct Tree {
    head: String,
    /// Each from the project to the artifact.
    paths: Vec<Vec<String>>,
    /// The rule that said it.
    rule: Option<(String, bool)>,
}

impl Policy {
    /// A line of Maven's own ends a rule.
    pub(super) fn level(&mut self) {
        match std::mem::take(&mut self.open) {
            Open::Tree(tree) => self.rules.push(tree.cause()),
            Open::Rule(name, false) => {
                self.rules.push(Cause::new(Category::Enforcer, format!("{UNTOLD}{name}")))
            }
            Open::Rule(_, true) | Open::Nothing => {}
        }
    }

    pub(super) fn info(&mut self, said: &str, running: Option<Category>) {
        self.level();
        self.finding(said, running);
    }

    pub(super) fn warning(&mut self, said: &str, running: Option<Category>) {
        if !self.text(said) {
            self.level();
            self.finding(said, running);
        }
    }

    pub(super) fn error(&mut self, said: &str, running: Option<Category>) {
        if said.starts_with("-> [Help") || said.starts_with("Failed to execute") {
            self.level();
        } else if !self.text(said) {
            self.finding(said, running);
        }
    }

    pub(super) fn plain(&mut self, line: &str) {
        self.text(line);
    }

    pub(super) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    pub(super) fn finish(mut self, gather: &mut Gather) {
        self.level();
        let told = |cause: &Cause| !cause.message.starts_with(UNTOLD);
        if self.rules.iter().any(told) {
            self.rules.retain(told);
        }
        gather.extend(self.rules);
        gather.extend(self.findings);
    }

    /// Whether the line belongs to a rule.
    fn text(&mut self, said: &str) -> bool {
        if self.rules.len() >= KEPT {
            return false;
        }
        if let Some((head, _)) = said.split_once(" paths to dependency are:") {
            let rule = self.shut();
            self.open = Open::Tree(Tree { head: squeezed(head).into_owned(), paths: vec![Vec::new()], rule });
            return true;
        }
        if said.starts_with("Rule ")
            && let Some((name, rest)) = said.split_once(" failed with message:")
        {
            self.level();
            let name = name.rsplit(['.', ' ']).next().unwrap_or(name).to_owned();
            self.open = Open::Rule(name, false);
            if !rest.trim().is_empty() {
                self.text(rest);
            }
            return true;
        }
        match &mut self.open {
            Open::Nothing => false,
            Open::Tree(tree) => {
                if !tree.line(said) {
                    let rule = self.shut();
                    self.open = rule.map_or(Open::Nothing, |(name, told)| Open::Rule(name, told));
                }
                true
            }
            Open::Rule(name, told) => {
                let said = said.trim();
                if !is_noise(said) {
                    *told = true;
                    let said = format!("{name}: {}", squeezed(said));
                    self.rules.push(Cause::new(Category::Enforcer, said));
                }
                true
            }
        }
    }

    /// Ends a tree, and gives back the rule that it stood in.
    fn shut(&mut self) -> Option<(String, bool)> {
        match std::mem::take(&mut self.open) {
            Open::Tree(mut tree) => {
                let rule = tree.rule.take();
                self.rules.push(tree.cause());
                rule.map(|(name, _)| (name, true))
            }
            Open::Rule(name, _) => Some((name, true)),
            Open::Nothing => None,
        }
    }

    /// What checkstyle, PMD, SpotBugs and their like find.
    fn finding(&mut self, said: &str, running: Option<Category>) {
        let running = running == Some(Category::Enforcer);
        if self.findings.len() >= KEPT || !(running || said.contains(" Failure: ")) {
            return;
        }
        if let Some(cause) = pmd(said).or_else(|| spotbugs(said)).or_else(|| header(said)) {
            self.findings.push(cause);
        } else if let Some(said) = super::sources::source(said) {
            self.findings.push(said.cause(Category::Lint));
        }
    }
}

impl Tree {
    /// Whether the line belongs to it.
    fn line(&mut self, said: &str) -> bool {
        let said = said.trim();
        if let Some(artifact) = said.strip_prefix("+-") {
            if let Some(path) = self.paths.last_mut()
                && path.len() < 40
            {
                path.push(artifact.to_owned());
            }
            return true;
        }
        if said == "and" {
            if self.paths.len() < 60 {
                self.paths.push(Vec::new());
            }
            return true;
        }
        false
    }

    /// The versions in one line, and two paths that do not agree.
    fn cause(self) -> Cause {
        let wanted = |path: &Vec<String>| -> String {
            let leaf = path.last().map(String::as_str).unwrap_or_default();
            let leaf = leaf.rsplit("<-- ").next().unwrap_or(leaf);
            let leaf = leaf.split_whitespace().next().unwrap_or_default();
            let scopes = ["compile", "runtime", "test", "provided", "system", "import"];
            let mut parts = leaf.rsplit(':').skip_while(|part| scopes.contains(part));
            parts.next().unwrap_or_default().to_owned()
        };
        let mut versions: Vec<String> = Vec::new();
        let mut details = Vec::new();
        for path in &self.paths {
            let version = wanted(path);
            if versions.contains(&version) || version.is_empty() {
                continue;
            }
            if details.len() < 2 {
                let through = path.get(1..path.len().saturating_sub(1)).unwrap_or_default();
                // What a pom manages is named as it is used.
                let through = through.iter().filter_map(|artifact| artifact.split(" (managed)").next());
                let through = through.collect::<Vec<_>>().join(" > ");
                let through = if through.is_empty() { "the project itself".to_owned() } else { through };
                details.push(format!("{version} by {through}"));
            }
            versions.push(version);
        }
        let message = format!("{}: {}\n{}", self.head, versions.join(" or "), details.join("\n"));
        Cause::new(Category::Enforcer, message)
    }
}

fn is_noise(said: &str) -> bool {
    said.len() < 3
        || ["Failed while enforcing", "Use 'mvn dependency:tree'", "See above detailed", "Look above for"]
            .iter()
            .any(|noise| said.starts_with(noise))
}

/// `PMD Failure: app.A:12 Rule:Name Priority:4 said.`
fn pmd(said: &str) -> Option<Cause> {
    let rest = after(said, "PMD Failure: ").or_else(|| after(said, "CPD Failure: "))?;
    let (place, said) = rest.split_once(" Rule:").unwrap_or(("", rest));
    let cause = Cause::new(Category::Lint, said);
    Some(match trace::place(place) {
        Some((class, line)) if !class.contains('/') => {
            cause.at(&format!("{}.java", class.replace('.', "/")), Some(line))
        }
        Some((file, line)) => cause.at(file, Some(line)),
        None => cause,
    })
}

/// `High: said [app.A] At A.java:[line 12] RULE`
fn spotbugs(said: &str) -> Option<Cause> {
    let (said, rest) = said.split_once(" At ")?;
    let (file, rest) = rest.split_once(":[line")?;
    let line = rest.trim_start_matches('s').trim().split(['-', ']']).next().and_then(trace::number);
    Some(Cause::new(Category::Lint, said).at(file, line))
}

/// `Missing header in: path`
fn header(said: &str) -> Option<Cause> {
    let words = ["Missing header in: ", "Header missing in: ", "Wrong header in: "];
    let file = words.iter().find_map(|words| said.strip_prefix(words))?;
    Some(Cause::new(Category::Lint, "the license header is missing").at(file, None))
}

/// Whether Maven says this about a pom.
pub(super) fn is_pom(said: &str) -> bool {
    let said = unprefixed(said);
    (said.contains(" @ line ") || said.contains(" @ ") && said.starts_with("Non-resolvable"))
        || said.starts_with("Non-parseable POM")
        || said.starts_with("Malformed POM")
        || said.starts_with("'") && said.contains(" @ ")
}

fn unprefixed(said: &str) -> &str {
    let said = said.trim_start();
    let said = said.strip_prefix("[ERROR] ").or_else(|| said.strip_prefix("[FATAL] ")).unwrap_or(said);
    said.trim()
}

/// `'dependencies.dependency.version' for a:b:jar is missing. @ line 68, column 17`
pub(super) fn pom(said: &str, file: Option<&str>) -> Cause {
    let said = unprefixed(said);
    let (message, place) = said.rsplit_once(" @ ").unwrap_or((said, ""));
    let line = after(place, "line ").and_then(|rest| rest.split(',').next()).and_then(trace::number);
    let cause = Cause::new(Category::DependencyResolution, plain_addresses(message));
    match file {
        Some(file) => cause.at(file, line),
        None => cause,
    }
}

/// The pom that `The project a:b:1 (/path/pom.xml) has 1 error` is about.
pub(super) fn pom_file(said: &str) -> Option<&str> {
    let rest = said.trim_start().strip_prefix("The project ")?;
    let (_, rest) = rest.split_once('(')?;
    rest.split_once(") has ").map(|(file, _)| file)
}

/// What cannot be had, without the addresses where it was looked for.
pub(super) fn missing(said: &str) -> String {
    let said = said.split(" -> [Help").next().unwrap_or(said);
    let said = match said.strip_prefix("Failed to execute goal on project ") {
        Some(rest) => rest.split_once(": ").map_or(rest, |(_, said)| said),
        None => said,
    };
    let said = match said.strip_prefix("Could not resolve dependencies for project ") {
        Some(rest) => rest.split_once(": ").map_or(rest, |(_, said)| said),
        None => said,
    };
    plain_addresses(&without_wrapping(said))
}

/// Without ` (https://…)`.
fn plain_addresses(said: &str) -> String {
    let mut out = String::with_capacity(said.len());
    let mut rest = said;
    while let Some((before, after)) = rest.split_once(" (http") {
        out.push_str(before);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}

/// Without `Execution x of goal y failed: `, and of an incompatibility what
/// it is.
fn without_wrapping(said: &str) -> String {
    let said = said.split(" -> [Help").next().unwrap_or(said).trim();
    let said = if said.starts_with("Execution ") { after(said, " failed: ").unwrap_or(said) } else { said };
    if said.starts_with("An API incompatibility was encountered while executing ") {
        let end = said.split_once(": ").map_or(said, |(_, rest)| rest);
        return format!("an API incompatibility in the plugin: {end}");
    }
    said.to_owned()
}

/// What a failed goal says about itself, when nothing else does.
pub(super) fn goal_says(goal: &Goal, below: &[String], said: &[String]) -> Option<String> {
    const SAYS_NOTHING: [&str; 5] = [
        "Compilation failure",
        "There are test failures",
        "Some Enforcer rules",
        "There was a timeout",
        "Compilation error",
    ];
    let own = plain_addresses(&without_wrapping(&goal.said));
    let tells = !own.is_empty() && !SAYS_NOTHING.iter().any(|words| own.starts_with(words));
    if tells {
        return Some(own);
    }
    let other = below.iter().chain(said).map(|line| squeezed(line).into_owned()).find(|line| line.len() > 3);
    other.or_else(|| (!own.is_empty()).then_some(own))
}
