//! The change types: one prompt file each.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::change::{ChangeType, Limits};
use crate::evidence::RULES;

/// The files that come with the program.
const EMBEDDED: [(&str, &str); 2] = [
    ("bump", include_str!("../../prompts/changes/bump.md")),
    (super::SECURITY, include_str!("../../prompts/changes/security.md")),
];

/// All change types.
#[derive(Debug, Clone)]
pub struct Catalog(Vec<ChangeType>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMatter {
    label: String,
    title: String,
    may_touch: Vec<String>,
    #[serde(default)]
    allows: Vec<String>,
    #[serde(default)]
    limits: Limits,
}

impl Catalog {
    /// The change types that come with the program.
    ///
    /// # Errors
    /// One of them is broken, which a test rules out.
    pub fn embedded() -> anyhow::Result<Self> {
        let types = EMBEDDED.iter().map(|(name, text)| parse(name, text)).collect::<anyhow::Result<_>>()?;
        Ok(Self(types))
    }

    /// With the operator's own `*.md` files, which add or replace.
    ///
    /// # Errors
    /// A file cannot be read or is broken, or two have the same label.
    pub fn with_dir(dir: &Path) -> anyhow::Result<Self> {
        let mut catalog = Self::embedded()?;
        let entries = std::fs::read_dir(dir).with_context(|| format!("could not list {}", dir.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("could not list {}", dir.display()))?.path();
            if path.extension().is_some_and(|end| end == "md") {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("could not read {}", path.display()))?;
                let change =
                    parse(&name, &text).with_context(|| format!("could not use {}", path.display()))?;
                catalog.0.retain(|known| known.name != change.name);
                catalog.0.push(change);
            }
        }
        for (index, change) in catalog.0.iter().enumerate() {
            if catalog.0.iter().skip(index + 1).any(|other| other.label == change.label) {
                bail!("could not use {}: two change types have the label {}", dir.display(), change.label);
            }
        }
        Ok(catalog)
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ChangeType> {
        self.0.iter().find(|change| change.name == name)
    }

    /// The names of all.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|change| change.name.clone()).collect()
    }

    #[must_use]
    pub fn all(&self) -> &[ChangeType] {
        &self.0
    }

    #[must_use]
    pub fn by_label(&self, label: &str) -> Option<&ChangeType> {
        self.0.iter().find(|change| change.label == label)
    }
}

/// Front matter between two lines of dashes, then the prompt.
fn parse(name: &str, text: &str) -> anyhow::Result<ChangeType> {
    let (front, prompt) = text
        .strip_prefix("---\n")
        .and_then(|text| text.split_once("\n---\n"))
        .with_context(|| format!("could not find the front matter of the change type {name}"))?;
    let front: FrontMatter = serde_yaml_ng::from_str(front)
        .with_context(|| format!("could not read the front matter of the change type {name}"))?;
    if let Some(unknown) = front.allows.iter().find(|rule| !RULES.contains(&rule.as_str())) {
        bail!(
            "could not use the change type {name}: it allows {unknown:?}, which is no rule of test integrity"
        );
    }
    Ok(ChangeType {
        name: name.to_owned(),
        label: front.label,
        title: front.title,
        may_touch: front.may_touch,
        allows: front.allows,
        limits: front.limits,
        prompt: prompt.trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_files_are_whole() {
        let catalog = Catalog::embedded().unwrap();
        for (name, label) in [("bump", "agent:bump"), ("security", "agent:security")] {
            let change = catalog.get(name).unwrap();
            assert_eq!(change.label, label);
            for part in ["{{package}}", "{{from}}", "{{to}}"] {
                assert!(change.prompt.contains(part), "{name} does not say {part}");
            }
        }
    }

    #[test]
    fn an_operators_file_adds_a_change_type_and_a_broken_one_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        file("tidy.md", "---\nlabel: agent:tidy\ntitle: Tidy\nmay_touch: [\"src/**\"]\n---\nDo.\n");
        let catalog = Catalog::with_dir(dir.path()).unwrap();
        assert_eq!(catalog.by_label("agent:tidy").unwrap().may_touch, ["src/**"]);
        file("twice.md", "---\nlabel: agent:tidy\ntitle: Tidy\nmay_touch: []\n---\nDo.\n");
        assert!(Catalog::with_dir(dir.path()).is_err());
        let allows = |rule: &str| {
            format!("---\nlabel: agent:ci\ntitle: CI\nmay_touch: []\nallows: [{rule}]\n---\nDo.\n")
        };
        file("twice.md", &allows("ci-changed"));
        assert_eq!(
            Catalog::with_dir(dir.path()).unwrap().by_label("agent:ci").unwrap().allows,
            ["ci-changed"]
        );
        file("twice.md", &allows("anything"));
        assert!(Catalog::with_dir(dir.path()).is_err());
        file("twice.md", "---\nlabel: agent:other\ntitel: Tidy\nmay_touch: []\n---\nDo.\n");
        assert!(Catalog::with_dir(dir.path()).is_err());
    }
}
