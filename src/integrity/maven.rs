//! What a Maven build checks stays: plugins, properties, modules, `.mvn`.
//!
//! The engine itself changes poms, so the state before is here the tree that
//! the engine left, and everything but dependencies must be as it was there.
//! A pom that cannot be read may not change at all.

use std::collections::{BTreeMap, BTreeSet};

use roxmltree::{Document, Node, ParsingOptions};

use super::FilePair;
use crate::evidence::Finding;

/// Children of a project that a repair may touch: what it depends on, and
/// what is for people. The versions among these are held elsewhere.
const FREE: [&str; 14] = [
    "dependencies",
    "dependencyManagement",
    "name",
    "description",
    "url",
    "inceptionYear",
    "organization",
    "licenses",
    "developers",
    "contributors",
    "mailingLists",
    "scm",
    "issueManagement",
    "ciManagement",
];
const NODES_CAP: u32 = 400_000;

/// Words in the names of files that configure a checker of Java code.
const CHECKERS: [&str; 14] = [
    "checkstyle",
    "pmd",
    "spotbugs",
    "findbugs",
    "suppression",
    "ruleset",
    "errorprone",
    "error-prone",
    "enforcer",
    "japicmp",
    "revapi",
    "animal-sniffer",
    "archunit",
    "forbidden",
];
const CHECKER_ENDS: [&str; 5] = [".xml", ".properties", ".txt", ".yml", ".yaml"];
/// Files that say which tests run.
const RUNNERS: [&str; 4] =
    ["junit-platform.properties", "testng.xml", "archunit.properties", "lombok.config"];

/// Is this a file that the engine writes, or one that decides how Maven
/// works?
pub(super) fn is_pom(path: &str) -> bool {
    path.rsplit('/').next() == Some("pom.xml")
}

pub(super) fn is_setting(path: &str) -> bool {
    path.starts_with(".mvn/") || path.contains("/.mvn/")
}

pub(super) fn check(pair: &FilePair) -> Vec<Finding> {
    let lower = pair.path.to_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let mut findings = Vec::new();
    if is_setting(&pair.path) && pair.before != pair.after {
        findings
            .push(pair.finding("unsafe-flag-added", "a setting of Maven itself was changed: put it back"));
    }
    // Maven takes a pom by any name, so the content tells as well.
    let is_other_pom = || lower.ends_with(".xml") && pair.before_text().contains("<modelVersion>");
    if is_pom(&pair.path) || is_other_pom() {
        if pair.before.is_some() && pair.before != pair.after {
            findings.extend(pom(pair));
        }
        return findings;
    }
    let of_checker =
        CHECKERS.iter().any(|word| name.contains(word)) && CHECKER_ENDS.iter().any(|end| name.ends_with(end));
    if of_checker && !is_kept(pair) {
        findings.push(
            pair.finding("threshold-lowered", "the configuration of a checker was changed: put it back"),
        );
    }
    if RUNNERS.contains(&name) || lower.contains("meta-inf/services/org.junit.") {
        findings.push(pair.finding("test-excluded", "what says which tests run was changed: put it back"));
    }
    findings
}

/// Does a checker still ask for everything that it asked for? Only a file in
/// XML can show that.
fn is_kept(pair: &FilePair) -> bool {
    if !pair.path.ends_with(".xml") || pair.after.is_none() {
        return false;
    }
    let (before, after) = (pair.before_text(), pair.after_text());
    let (Some(before), Some(after)) = (elements(&before), elements(&after)) else { return false };
    let more = difference(&after, &before);
    let lets_more_through = more.keys().any(|(name, text)| {
        let name = name.to_lowercase();
        ["suppress", "exclude", "match", "ignore", "filter"].iter().any(|word| name.contains(word))
            || ["ignore", "warning", "info", "Suppress"].iter().any(|word| text.contains(word))
    });
    let mut less = difference(&before, &after);
    let new_modules = more.keys().any(|(name, _)| name == "module");
    // A holder checks nothing, and what a check must not allow has become a
    // check of its own in later releases.
    less.retain(|(name, text), _| {
        let is_holder = name == "module" && text.contains("FileContentsHolder");
        let is_own_now =
            new_modules && name == "property" && text.contains("\"allow") && text.ends_with("\"false\"");
        !is_holder && !is_own_now
    });
    less.is_empty() && !lets_more_through
}

/// Elements by their name and by what they say themselves, with their number.
type Elements = BTreeMap<(String, String), usize>;

fn parse(text: &str) -> Option<Document<'_>> {
    let text = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    let options = ParsingOptions { allow_dtd: true, nodes_limit: NODES_CAP, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).ok()
}

fn elements(text: &str) -> Option<Elements> {
    let document = parse(text)?;
    let mut elements = Elements::new();
    for element in document.descendants().filter(Node::is_element) {
        let attributes =
            element.attributes().map(|attribute| format!("{}={:?}", attribute.name(), attribute.value()));
        let own: Vec<String> = attributes
            .chain(element.text().map(|text| text.trim().to_owned()))
            .filter(|text| !text.is_empty())
            .collect();
        *elements.entry((element.tag_name().name().to_owned(), own.join(" "))).or_default() += 1;
    }
    Some(elements)
}

fn difference(one: &Elements, other: &Elements) -> Elements {
    let left = one
        .iter()
        .map(|(key, count)| (key.clone(), count.saturating_sub(other.get(key).copied().unwrap_or(0))));
    left.filter(|(_, count)| *count > 0).collect()
}

fn pom(pair: &FilePair) -> Vec<Finding> {
    if pair.after.is_none() {
        return vec![pair.finding("script-changed", "a pom was deleted: put it back")];
    }
    let (before, after) = (pair.before_text(), pair.after_text());
    let (Some(then), Some(now)) = (sections(&before), sections(&after)) else {
        return vec![pair.finding("script-changed", "a pom that cannot be read was changed: put it back")];
    };
    let names: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let mut findings = Vec::new();
    for name in names.into_iter().filter(|name| then.get(*name) != now.get(*name)) {
        let message = format!("<{name}> of the pom is not as the engine left it: put it back");
        findings.push(Finding { line: line_of(&after, name), ..pair.finding("script-changed", message) });
        let none = Section::default();
        let (then, now) = (then.get(name).unwrap_or(&none), now.get(name).unwrap_or(&none));
        findings.extend(meanings(pair, &after, then, now));
    }
    findings
}

fn line_of(text: &str, name: &str) -> Option<u32> {
    let tag = format!("<{name}");
    text.lines().position(|line| line.contains(&tag)).and_then(|line| u32::try_from(line + 1).ok())
}

/// What the changed elements of a section stand for.
fn meanings(pair: &FilePair, after: &str, then: &Section, now: &Section) -> Vec<Finding> {
    let mut rules: BTreeMap<&str, String> = BTreeMap::new();
    let (gone, new) = (difference(&then.elements, &now.elements), difference(&now.elements, &then.elements));
    for ((name, text), is_new) in gone.keys().map(|key| (key, false)).chain(new.keys().map(|key| (key, true)))
    {
        for rule in meaning(name, text, is_new) {
            rules.entry(rule).or_insert_with(|| name.clone());
        }
    }
    rules
        .into_iter()
        .map(|(rule, name)| {
            let message = format!("<{name}> of the pom is not as it was: put it back");
            Finding { line: line_of(after, &name), ..pair.finding(rule, message) }
        })
        .collect()
}

/// The rules that a changed element breaks.
fn meaning(name: &str, text: &str, is_new: bool) -> Vec<&'static str> {
    let lower = name.to_lowercase();
    let mut rules = Vec::new();
    if is_new && (lower.contains("skip") || lower == "testfailureignore" || text.contains("skipTests")) {
        rules.extend(["unsafe-flag-added", "test-excluded", "threshold-lowered"]);
    }
    if matches!(
        lower.as_str(),
        "exclude"
            | "include"
            | "groups"
            | "excludedgroups"
            | "test"
            | "suitexmlfile"
            | "testsourcedirectory"
            | "module"
    ) {
        rules.push("test-excluded");
    }
    let is_level =
        ["release", "source", "target", "java.version", "werror", "arg", "compilerarg", "compilerargument"]
            .contains(&lower.as_str())
            || lower.starts_with("maven.compiler.")
            || [
                "fail",
                "violation",
                "severity",
                "minimum",
                "maximum",
                "threshold",
                "effort",
                "require",
                "banned",
                "converg",
                "warning",
                "lint",
                "rule",
                "limit",
                "halt",
                "coverage",
            ]
            .iter()
            .any(|word| lower.contains(word));
    if is_level {
        rules.push("threshold-lowered");
    }
    if lower.contains("rerun") || lower.contains("timeout") {
        rules.push("assertion-loosened");
    }
    if !is_new && name == "artifactId" {
        if ["surefire", "failsafe"].iter().any(|word| text.contains(word)) {
            rules.push("test-excluded");
        } else if text.ends_with("-plugin") {
            rules.push("threshold-lowered");
        }
    }
    rules
}

/// One part of a pom.
#[derive(Debug, Default, PartialEq, Eq)]
struct Section {
    /// In one spelling.
    said: String,
    elements: Elements,
}

/// What a pom says outside of [`FREE`], by the name of the part, without
/// comments and white space.
fn sections(text: &str) -> Option<BTreeMap<String, Section>> {
    let text = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_CAP, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).ok()?;
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    for part in document.root_element().children().filter(Node::is_element) {
        let name = part.tag_name().name();
        if FREE.contains(&name) {
            continue;
        }
        let section = sections.entry(name.to_owned()).or_default();
        section.said.push_str(&said(part));
        for element in part.descendants().filter(Node::is_element) {
            let own = element.text().unwrap_or_default().trim().to_owned();
            let plain = element.children().all(|child| !child.is_element());
            let own = if plain { own } else { String::new() };
            *section.elements.entry((element.tag_name().name().to_owned(), own)).or_default() += 1;
        }
    }
    Some(sections)
}

/// An element in one spelling. The parser has refused what nests too deeply.
fn said(element: Node<'_, '_>) -> String {
    let mut said = String::new();
    let mut open: Vec<Node<'_, '_>> = Vec::new();
    for node in element.descendants() {
        while open.last().is_some_and(|last| node.parent() != Some(*last)) {
            open.pop();
            said.push(')');
        }
        if node.is_element() {
            said.push('(');
            said.push_str(node.tag_name().name());
            let attributes = node.attributes();
            said.extend(attributes.map(|attribute| format!(" {}={:?}", attribute.name(), attribute.value())));
            open.push(node);
        } else if node.is_text() {
            // Quoted, so that no text looks like an element.
            let text = node.text().unwrap_or_default().trim();
            said.extend((!text.is_empty()).then(|| format!("{text:?}")));
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, before: Option<&str>, after: Option<&str>) -> Vec<String> {
        let bytes = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
        let pair = FilePair { path: path.into(), before: bytes(before), after: bytes(after) };
        check(&pair).into_iter().map(|finding| finding.rule).collect()
    }

    const POM: &str = "<project>\n  <modelVersion>4.0.0</modelVersion>\n  <modules><module>a</module></modules>\n\
        <properties><maven.compiler.release>11</maven.compiler.release></properties>\n\
        <dependencies><dependency><groupId>g</groupId><artifactId>a</artifactId></dependency></dependencies>\n\
        <build><plugins><plugin><artifactId>maven-surefire-plugin</artifactId>\
        <configuration><includes><include>**/*Test.java</include></includes></configuration></plugin></plugins></build>\n\
        </project>";

    #[test]
    fn a_repair_may_change_what_a_pom_depends_on() {
        let more = POM.replace(
            "</dependencies>",
            "<dependency><groupId>g</groupId><artifactId>b</artifactId><version>1</version></dependency></dependencies>",
        );
        assert!(rules("pom.xml", Some(POM), Some(&more)).is_empty());
        let spaced = POM.replace("<plugins>", "\n <!-- why -->\n <plugins>");
        assert!(rules("a/pom.xml", Some(POM), Some(&spaced)).is_empty());
        assert!(rules("b/pom.xml", None, Some(POM)).is_empty());
        assert!(rules("src/main/resources/log.xml", Some("<a/>"), Some("<b/>")).is_empty());
    }

    #[test]
    fn every_way_to_make_a_build_check_less_is_found() {
        let configured = |more: &str| POM.replace("<configuration>", &format!("<configuration>{more}"));
        for after in [
            configured("<skip>true</skip>"),
            configured("<skipTests>true</skipTests>"),
            configured("<testFailureIgnore>true</testFailureIgnore>"),
            configured("<failOnViolation>false</failOnViolation>"),
            configured("<excludes><exclude>**/A*</exclude></excludes>"),
            POM.replace("**/*Test.java", "**/None.java"),
            POM.replace(">11<", ">8<"),
            POM.replace("<properties>", "<properties><enforcer.skip>true</enforcer.skip>"),
            POM.replace("<module>a</module>", ""),
            POM.replace("<build>", "<reporting/><build>"),
            POM.replace("<build>", "<profiles><profile><id>x</id></profile></profiles><build>"),
            POM.replace("**/*Test.java</include></includes>", "(x</include></includes>"),
            POM.replace("<project>", "<project><packaging>pom</packaging>"),
            POM.replace("<plugins>", "<plugins combine.self=\"override\">"),
            "<project".to_owned(),
        ] {
            for path in ["a/pom.xml", "a/parent.xml"] {
                let found = rules(path, Some(POM), Some(&after));
                assert!(found.contains(&"script-changed".to_owned()), "{path} {found:?} {after}");
            }
        }
        assert_eq!(rules("pom.xml", Some(POM), None), ["script-changed"]);
    }

    #[test]
    fn a_change_of_a_build_is_named_by_what_it_does() {
        let configured = |more: &str| POM.replace("<configuration>", &format!("<configuration>{more}"));
        for (rule, after) in [
            ("unsafe-flag-added", configured("<skipTests>true</skipTests>")),
            ("unsafe-flag-added", configured("<testFailureIgnore>true</testFailureIgnore>")),
            ("test-excluded", configured("<excludes><exclude>**/A*</exclude></excludes>")),
            ("threshold-lowered", configured("<failOnViolation>false</failOnViolation>")),
            ("threshold-lowered", POM.replace(">11<", ">8<")),
            ("test-excluded", POM.replace("maven-surefire-plugin", "x")),
        ] {
            assert!(rules("pom.xml", Some(POM), Some(&after)).contains(&rule.to_owned()), "{rule} {after}");
        }
    }

    #[test]
    fn a_checker_may_be_configured_otherwise_but_not_to_ask_for_less() {
        let file = "<module name=\"Checker\">\n<module name=\"TreeWalker\"><module name=\"LineLength\"><property name=\"max\" value=\"80\"/></module></module></module>";
        let moved = "<module name=\"Checker\"><module name=\"LineLength\"><property name=\"max\" value=\"80\"/></module>\n<module name=\"TreeWalker\"/></module>";
        assert!(rules("checkstyle.xml", Some(file), Some(moved)).is_empty());
        for after in [
            file.replace("80", "800"),
            file.replace(
                "<module name=\"TreeWalker\">",
                "<module name=\"TreeWalker\"><module name=\"SuppressionFilter\"/>",
            ),
        ] {
            assert_eq!(rules("checkstyle.xml", Some(file), Some(&after)), ["threshold-lowered"], "{after}");
        }
    }

    #[test]
    fn settings_of_maven_and_of_javas_checkers_are_found() {
        for path in [".mvn/maven.config", ".mvn/jvm.config", "back/.mvn/extensions.xml", ".mvn/new"] {
            assert_eq!(rules(path, None, Some("2")), ["unsafe-flag-added"], "{path}");
            assert_eq!(rules(path, Some("1"), Some("1")), [""; 0], "{path}");
        }
        for path in [
            "config/checkstyle.xml",
            "checkstyle-suppressions.xml",
            "etc/pmd-ruleset.xml",
            "spotbugs-exclude.xml",
        ] {
            assert_eq!(rules(path, Some("1"), Some("2")), ["threshold-lowered"], "{path}");
        }
        for path in [
            "src/test/resources/junit-platform.properties",
            "src/test/resources/META-INF/services/org.junit.jupiter.api.extension.Extension",
        ] {
            assert_eq!(rules(path, Some("1"), Some("2")), ["test-excluded"], "{path}");
        }
        assert!(rules("src/main/java/Pmd.java", Some("1"), Some("2")).is_empty());
    }
}
