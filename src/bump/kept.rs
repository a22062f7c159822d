//! What the engine wrote and nobody else may change: the versions in the
//! manifests, and the lockfile. The model repairs code, not versions.

use std::collections::BTreeMap;

use super::edit::{self, Texts};
use crate::change::Ecosystem;

/// Every declared version of a project, by its place, and its lockfiles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// (path, place and name, how often so far) → version as written.
    versions: BTreeMap<(String, String, usize), String>,
    lockfiles: Texts,
}

impl Kept {
    /// Reads a project's files. What cannot be read holds no version: the
    /// checks will say that it is broken.
    #[must_use]
    pub fn read(ecosystem: Ecosystem, files: &Texts) -> Self {
        let declared: Vec<(String, String, String)> = match ecosystem {
            Ecosystem::Npm => edit::npm::declarations(files)
                .unwrap_or_default()
                .into_iter()
                .map(|found| (found.path, format!("{:?} {}", found.section, found.key), found.range))
                .collect(),
            Ecosystem::Maven => edit::maven::declarations(files)
                .unwrap_or_default()
                .into_iter()
                .map(|found| {
                    (
                        found.path,
                        format!("{}:{}", found.group.unwrap_or_default(), found.artifact),
                        found.version.unwrap_or(found.written),
                    )
                })
                .collect(),
        };
        let mut versions = BTreeMap::new();
        for (path, name, version) in declared {
            let times = versions.keys().filter(|(known, other, _)| (known, other) == (&path, &name)).count();
            versions.insert((path, name, times), version);
        }
        let lockfiles = files
            .iter()
            .filter(|(path, _)| super::survey::LOCKFILES.contains(&path.as_str()))
            .map(|(path, text)| (path.clone(), text.clone()))
            .collect();
        Self { versions, lockfiles }
    }

    /// What `now` has otherwise: (path, what). New declarations are not
    /// listed: code may need another package, and the checks need it too.
    #[must_use]
    pub fn broken(&self, now: &Self) -> Vec<(String, String)> {
        let mut broken = Vec::new();
        for (place, version) in &self.versions {
            let (path, name, _) = place;
            match now.versions.get(place) {
                Some(same) if same == version => {}
                Some(other) => broken.push((
                    path.clone(),
                    format!("the version of {name} was changed from {version} to {other}"),
                )),
                None => broken.push((path.clone(), format!("{name} {version} was taken out"))),
            }
        }
        for (path, text) in &self.lockfiles {
            if now.lockfiles.get(path) != Some(text) {
                broken.push((path.clone(), "the lockfile was edited".to_owned()));
            }
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(manifest: &str, lockfile: &str) -> Kept {
        let files = [("package.json", manifest), ("package-lock.json", lockfile)];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        Kept::read(Ecosystem::Npm, &Texts::from(files))
    }

    #[test]
    fn a_version_and_a_lockfile_are_kept_and_code_may_need_more() {
        let before = kept(r#"{"dependencies":{"a":"^1.0.0"}}"#, "{}");
        assert!(before.broken(&before).is_empty());
        let more = kept(r#"{"type":"module","dependencies":{"a":"^1.0.0","b":"1"}}"#, "{}");
        assert!(before.broken(&more).is_empty());
        let lowered = kept(r#"{"dependencies":{"a":"^0.9.0"}}"#, "{}");
        assert!(before.broken(&lowered)[0].1.contains("from ^1.0.0 to ^0.9.0"));
        let gone = kept("{}", "{}");
        assert!(before.broken(&gone)[0].1.contains("was taken out"));
        let relocked = kept(r#"{"dependencies":{"a":"^1.0.0"}}"#, "{ }");
        assert_eq!(
            before.broken(&relocked),
            [("package-lock.json".into(), "the lockfile was edited".into())]
        );
    }
}
