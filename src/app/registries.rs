//! The registries that this machine's own npm and Maven are configured with,
//! for what runs without a container. Their names are never ours.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::change::Ecosystem;
use crate::config::Config;
use crate::registry::Registry;

/// The jar of Maven that holds the pom every other one inherits from.
const MODEL_BUILDER: &str = "maven-model-builder-";
const SUPER_POM: &str = "org/apache/maven/model/pom-4.0.0.xml";

/// The gateway to the registry of this ecosystem, for this process alone.
///
/// # Errors
/// Neither the configuration nor the package manager names a registry.
pub(super) fn registry(config: &Config, ecosystem: Ecosystem) -> anyhow::Result<Registry> {
    let registry = Registry::new(super::registry_settings(config)?)?;
    if !registry.knows(ecosystem) {
        let (found, key) = match ecosystem {
            Ecosystem::Npm => (npm(), "npm"),
            Ecosystem::Maven => (maven(), "maven"),
        };
        let address = found.with_context(|| {
            format!("could not learn the registry's address: install {key}, or set registry.{key}")
        })?;
        registry.learn(ecosystem, address)?;
    }
    Ok(registry)
}

/// What npm says about itself.
fn npm() -> anyhow::Result<String> {
    let said = ask("npm", &["config", "get", "registry"])?;
    address(said.lines()).context("could not find an address in npm's answer")
}

/// The operator's mirror, or the repository in Maven's own pom.
fn maven() -> anyhow::Result<String> {
    if let Some(mirror) = mirror() {
        return Ok(mirror);
    }
    let said = ask("mvn", &["-v"])?;
    let home = said.lines().find_map(|line| line.split_once("Maven home:")).map(|(_, home)| home.trim());
    let lib = PathBuf::from(home.context("could not find Maven's home")?).join("lib");
    let jars = std::fs::read_dir(&lib).with_context(|| format!("could not list {}", lib.display()))?;
    for jar in jars.flatten() {
        let name = jar.file_name().to_string_lossy().into_owned();
        let is_jar = jar.path().extension().is_some_and(|end| end == "jar");
        if name.starts_with(MODEL_BUILDER) && is_jar {
            let file = std::fs::File::open(jar.path())?;
            let mut jar = zip::ZipArchive::new(file).context("could not read Maven's jar")?;
            let pom = std::io::read_to_string(jar.by_name(SUPER_POM)?)?;
            // Its one repository comes first.
            return address(pom.split("<url>").skip(1).filter_map(|rest| Some(rest.split_once("</url>")?.0)))
                .context("could not find an address in Maven's pom");
        }
    }
    bail!("could not find Maven's own pom in {}", lib.display())
}

/// The first mirror in the user's settings that stands for everything or for
/// the central repository.
fn mirror() -> Option<String> {
    let settings = std::fs::read_to_string(std::env::home_dir()?.join(".m2/settings.xml")).ok()?;
    let document = roxmltree::Document::parse(&settings).ok()?;
    let text = |node: &roxmltree::Node<'_, '_>, name: &str| -> Option<String> {
        let child = node.children().find(|child| child.tag_name().name() == name)?;
        Some(child.text()?.trim().to_owned())
    };
    document.descendants().filter(|node| node.tag_name().name() == "mirror").find_map(|mirror| {
        let of = text(&mirror, "mirrorOf")?;
        let ours = of.split(',').any(|name| matches!(name.trim(), "*" | "central" | "external:*"));
        ours.then(|| text(&mirror, "url")).flatten()
    })
}

fn address<'t>(words: impl Iterator<Item = &'t str>) -> Option<String> {
    words.map(str::trim).find(|word| word.starts_with("http")).map(str::to_owned)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the operator's own package manager is asked for its setting; nothing of a repository runs"
)]
fn ask(program: &str, words: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/")
        .output()
        .with_context(|| format!("could not start {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
