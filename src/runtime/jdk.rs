//! The JDK's major: what is pinned, but never less than what the poms compile
//! for; then what the workflows build with; then the default. The smallest
//! image that is enough, because old plugins break on new JDKs.

use roxmltree::{Document, Node};

use super::{Files, Majors, Runtime, is_workflow, tool_version};

/// Properties that name the class-file level, the strongest first.
const LEVELS: [&str; 4] =
    ["maven.compiler.release", "maven.compiler.target", "maven.compiler.source", "java.version"];
/// The same in the configuration of the compiler's plugin.
const SETTINGS: [&str; 3] = ["release", "target", "source"];
/// How often a property may stand for another one.
const DEPTH: usize = 5;

/// Which JDK a repository with these files runs on.
#[must_use]
pub fn jdk(files: &Files, images: &Majors) -> Runtime {
    let poms: Vec<&String> =
        files.iter().filter(|(path, _)| path.ends_with("pom.xml")).map(|(_, text)| text).collect();
    let documents: Vec<Document<'_>> = poms.iter().filter_map(|text| Document::parse(text).ok()).collect();
    let release = documents.iter().filter_map(release).max();
    let least = documents.iter().flat_map(required).max().max(release);
    let pinned = pins(files).or_else(|| documents.iter().find_map(toolchain));
    let enough = |major: &u64| least.is_none_or(|least| *major >= least);
    let asked = pinned.filter(enough).or_else(|| workflows(files).into_iter().filter(enough).min()).or(least);
    let major = match asked {
        None => images.default,
        Some(asked) => {
            let smallest = images.all.iter().copied().filter(|major| *major >= asked).min();
            smallest.or_else(|| images.all.iter().copied().max()).unwrap_or(images.default)
        }
    };
    Runtime::Jdk { major, release }
}

/// `17`, `1.8`, `17.0.9-tem`, `temurin-21.0.2+13`.
fn major(text: &str) -> Option<u64> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let mut numbers = text.get(start..)?.split(|c: char| !c.is_ascii_digit());
    match numbers.next()?.parse().ok()? {
        1 => numbers.next()?.parse().ok(),
        major => (major < 100).then_some(major),
    }
}

fn pins(files: &Files) -> Option<u64> {
    let sdkman = files
        .get(".sdkmanrc")
        .and_then(|text| text.lines().find_map(|line| line.trim().strip_prefix("java=")).map(str::to_owned));
    let plain = files.get(".java-version").cloned();
    let tool = tool_version(files, "java").map(str::to_owned);
    [plain, sdkman, tool].into_iter().flatten().find_map(|text| major(&text))
}

/// Every `java-version` of the workflows: one, a list, or the lines below.
fn workflows(files: &Files) -> Vec<u64> {
    let mut found = Vec::new();
    for (_, text) in files.iter().filter(|(path, _)| is_workflow(path)) {
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let line = line.trim().trim_start_matches("- ");
            let Some((key, value)) = line.split_once(':') else { continue };
            if !["java-version", "java", "java_version", "jdk"].contains(&key.trim_matches(['"', '\''])) {
                continue;
            }
            found.extend(value.split(',').filter_map(major));
            while let Some(item) = lines.next_if(|next| next.trim().starts_with("- ")) {
                found.extend(major(item).filter(|_| !item.contains(':')));
            }
        }
    }
    found
}

fn release(pom: &Document<'_>) -> Option<u64> {
    let property = LEVELS.iter().find_map(|name| level(pom, properties(pom, name).next()?));
    property.max(configured(pom))
}

fn configured(pom: &Document<'_>) -> Option<u64> {
    let plugins = plugins(pom, "maven-compiler-plugin");
    let values = plugins.flat_map(|plugin| plugin.descendants()).filter(|node| {
        SETTINGS.contains(&node.tag_name().name())
            && node.parent().is_some_and(|parent| parent.tag_name().name() == "configuration")
    });
    values.filter_map(|node| level(pom, node.text()?)).max()
}

/// What the enforcer asks for at least: `17`, `[11,17)`, `[1.8,)`.
fn required(pom: &Document<'_>) -> Vec<u64> {
    let rules = pom.descendants().filter(|node| node.tag_name().name() == "requireJavaVersion");
    let ranges = rules.flat_map(|rule| rule.children()).filter(|node| node.tag_name().name() == "version");
    ranges
        .filter_map(|node| {
            let least = node.text()?.trim().trim_start_matches(['[', '(']).split(',').next()?.to_owned();
            level(pom, &least)
        })
        .collect()
}

fn toolchain(pom: &Document<'_>) -> Option<u64> {
    let plugin = plugins(pom, "maven-toolchains-plugin").next()?;
    let jdk = plugin.descendants().find(|node| node.tag_name().name() == "jdk")?;
    let version = jdk.children().find(|node| node.tag_name().name() == "version")?;
    level(pom, version.text()?.trim_start_matches(['[', '(']))
}

fn plugins<'a, 'i>(pom: &'a Document<'i>, artifact: &'a str) -> impl Iterator<Item = Node<'a, 'i>> {
    pom.descendants().filter(move |node| {
        let mut children = node.children();
        node.tag_name().name() == "plugin"
            && children.any(|child| {
                child.tag_name().name() == "artifactId" && child.text().map(str::trim) == Some(artifact)
            })
    })
}

/// The values of a property; a profile may give it another one.
fn properties<'a>(pom: &'a Document<'_>, name: &'a str) -> impl Iterator<Item = &'a str> {
    pom.descendants().filter_map(move |node| {
        let inside = node.parent().is_some_and(|parent| parent.tag_name().name() == "properties");
        (inside && node.tag_name().name() == name).then(|| node.text()).flatten()
    })
}

/// A level that may stand behind properties.
fn level(pom: &Document<'_>, text: &str) -> Option<u64> {
    let mut text = text.trim();
    for _ in 0..DEPTH {
        let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
            return major(text);
        };
        text = properties(pom, name).next()?.trim();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(files: &[(&str, &str)]) -> (u64, Option<u64>) {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        match jdk(&files, &Majors { all: vec![21, 11, 17], default: 17 }) {
            Runtime::Jdk { major, release } => (major, release),
            other @ Runtime::Node { .. } => panic!("{other:?}"),
        }
    }

    fn pom(properties: &str, plugin: &str, configuration: &str) -> String {
        format!(
            "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><properties>{properties}</properties><build><plugins><plugin>\
             <artifactId>{plugin}</artifactId>{configuration}</plugin></plugins></build></project>"
        )
    }

    #[test]
    fn the_smallest_jdk_that_the_poms_need_is_taken() {
        let property = |name: &str, value: &str| pom(&format!("<{name}>{value}</{name}>"), "x", "");
        for (text, expected) in [
            (property("maven.compiler.release", "8"), (11, Some(8))),
            (property("maven.compiler.target", "1.8"), (11, Some(8))),
            (property("java.version", "17"), (17, Some(17))),
            (property("java.version", "25"), (21, Some(25))),
            (property("other", "21"), (17, None)),
            (
                pom(
                    "<v>${w}</v><w>11</w>",
                    "maven-compiler-plugin",
                    "<configuration><release>${v}</release></configuration>",
                ),
                (11, Some(11)),
            ),
            (
                pom(
                    "<maven.compiler.source>8</maven.compiler.source>",
                    "maven-enforcer-plugin",
                    "<configuration><rules><requireJavaVersion><version>[17,)</version></requireJavaVersion></rules></configuration>",
                ),
                (17, Some(8)),
            ),
            (
                pom(
                    "",
                    "maven-toolchains-plugin",
                    "<configuration><toolchains><jdk><version>21</version></jdk></toolchains></configuration>",
                ),
                (21, None),
            ),
            ("<project".to_owned(), (17, None)),
        ] {
            assert_eq!(chosen(&[("pom.xml", &text)]), expected, "{text}");
        }
    }

    #[test]
    fn pins_win_over_poms_and_workflows_unless_they_are_too_low() {
        let eight = pom("<maven.compiler.release>8</maven.compiler.release>", "x", "");
        let seventeen = pom("<maven.compiler.release>17</maven.compiler.release>", "x", "");
        let workflow = "jobs:\n  b:\n    strategy:\n      matrix:\n        java-version: [17, 21]\n";
        let below = "        with:\n          java-version: |\n          distribution: temurin\n        java:\n          - 11\n          - '21'\n";
        for (files, expected) in [
            (vec![("pom.xml", eight.as_str()), (".java-version", "17\n")], 17),
            (vec![("pom.xml", &seventeen), (".java-version", "11")], 17),
            (vec![("pom.xml", &eight), (".sdkmanrc", "# x\njava=21.0.2-tem\n")], 21),
            (vec![("pom.xml", &eight), (".tool-versions", "java temurin-21.0.2+13.0.LTS\n")], 21),
            (vec![("pom.xml", &eight), (".github/workflows/ci.yml", workflow)], 17),
            (vec![("pom.xml", &eight), (".github/workflows/ci.yml", below)], 11),
            (vec![(".github/workflows/ci.yml", "        java-version: '21'\n")], 21),
            (vec![("pom.xml", &eight), ("core/pom.xml", &seventeen)], 17),
            (vec![], 17),
        ] {
            assert_eq!(chosen(&files).0, expected, "{files:?}");
        }
    }
}
