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
        findings.push(pair.finding("build-edited", "a setting of Maven itself was changed"));
    }
    let of_checker =
        CHECKERS.iter().any(|word| name.contains(word)) && CHECKER_ENDS.iter().any(|end| name.ends_with(end));
    let of_runner = RUNNERS.contains(&name) || lower.contains("meta-inf/services/org.junit.");
    if of_checker || of_runner {
        findings.push(pair.finding("checker-config-edited", "the configuration of a checker was changed"));
    }
    // Maven takes a pom by any name, so the content tells as well.
    let is_other_pom = || lower.ends_with(".xml") && pair.before_text().contains("<modelVersion>");
    if pair.before.is_some() && pair.before != pair.after && (is_pom(&pair.path) || is_other_pom()) {
        findings.extend(pom(pair));
    }
    findings
}

fn pom(pair: &FilePair) -> Vec<Finding> {
    if pair.after.is_none() {
        return vec![pair.finding("build-edited", "a pom was deleted")];
    }
    let (before, after) = (pair.before_text(), pair.after_text());
    let (Some(before), Some(after)) = (sections(&before), sections(&after)) else {
        return vec![pair.finding("build-edited", "a pom that cannot be read was changed")];
    };
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    changed
        .map(|name| pair.finding("build-edited", format!("<{name}> of the pom is not as the engine left it")))
        .collect()
}

/// What a pom says outside of [`FREE`], by the name of the part, without
/// comments and white space.
fn sections(text: &str) -> Option<BTreeMap<String, String>> {
    let text = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_CAP, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).ok()?;
    let mut sections: BTreeMap<String, String> = BTreeMap::new();
    for part in document.root_element().children().filter(Node::is_element) {
        let name = part.tag_name().name();
        if !FREE.contains(&name) {
            sections.entry(name.to_owned()).or_default().push_str(&said(part));
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
            assert_eq!(rules("a/pom.xml", Some(POM), Some(&after)), ["build-edited"], "{after}");
            assert_eq!(rules("a/parent.xml", Some(POM), Some(&after)), ["build-edited"], "{after}");
        }
        assert_eq!(rules("pom.xml", Some(POM), None), ["build-edited"]);
    }

    #[test]
    fn settings_of_maven_and_of_javas_checkers_are_found() {
        for path in [".mvn/maven.config", ".mvn/jvm.config", "back/.mvn/extensions.xml", ".mvn/new"] {
            assert_eq!(rules(path, None, Some("2")), ["build-edited"], "{path}");
            assert_eq!(rules(path, Some("1"), Some("1")), [""; 0], "{path}");
        }
        for path in [
            "config/checkstyle.xml",
            "checkstyle-suppressions.xml",
            "etc/pmd-ruleset.xml",
            "spotbugs-exclude.xml",
            "src/test/resources/junit-platform.properties",
            "src/test/resources/META-INF/services/org.junit.jupiter.api.extension.Extension",
        ] {
            assert_eq!(rules(path, Some("1"), Some("2")), ["checker-config-edited"], "{path}");
        }
        assert!(rules("src/main/java/Pmd.java", Some("1"), Some("2")).is_empty());
    }
}
