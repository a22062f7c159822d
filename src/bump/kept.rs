//! What the engine wrote and nobody else may change: the versions in the
//! manifests, what can set one, and the lockfiles. The model repairs code,
//! not versions.

use std::collections::{BTreeMap, BTreeSet};

use super::edit::{self, Texts, maven::Place, npm::Section};
use super::survey;
use crate::change::Ecosystem;

/// Every declared version of a project, by its place, and every file that is
/// held as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    versions: BTreeMap<Spot, Version>,
    /// Packages that are named, with a version or without one.
    packages: BTreeSet<String>,
    /// Lockfiles, settings that set versions, and manifests that cannot be
    /// read: these hold whatever they say.
    texts: Texts,
}

/// Where a version stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Spot {
    path: String,
    name: String,
    /// How often the same name was there before.
    times: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    /// As written.
    text: String,
    /// The package whose version may be added here, when no other place names
    /// it; `None` where only the engine adds anything.
    addable: Option<String>,
}

/// One version as it was found: path, name, version.
type Found = (String, String, Version);

impl Kept {
    /// Reads a project's files. A manifest that cannot be read is held as it
    /// is, and takes nothing away from the others.
    #[must_use]
    pub fn read(ecosystem: Ecosystem, files: &Texts) -> Self {
        let mut texts = Texts::new();
        let mut readable = Texts::new();
        for (path, text) in files {
            let alone = Texts::from([(path.clone(), text.clone())]);
            let is_read = match ecosystem {
                Ecosystem::Npm => edit::npm::declarations(&alone).is_ok(),
                Ecosystem::Maven => edit::maven::declarations(&alone).is_ok(),
            };
            if survey::is_held(path) || (!is_read && survey::is_manifest(path)) {
                texts.insert(path.clone(), text.clone());
            }
            if is_read {
                readable.insert(path.clone(), text.clone());
            }
        }
        let (found, packages) = match ecosystem {
            Ecosystem::Npm => npm(&readable),
            Ecosystem::Maven => maven(&readable),
        };
        let mut times: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut versions = BTreeMap::new();
        for (path, name, version) in found {
            let times = times.entry((path.clone(), name.clone())).or_default();
            versions.insert(Spot { path, name, times: *times }, version);
            *times += 1;
        }
        Self { versions, packages, texts }
    }

    /// What `now` has otherwise: (path, what).
    ///
    /// New Maven dependencies that no pom names yet are not listed: code may
    /// need another artifact. For npm they are not listed either, but the
    /// lockfile is frozen and does not hold them, so the installation that
    /// every verification begins with says no. What would set the version of
    /// something that is held already is listed wherever it is added.
    #[must_use]
    pub fn broken(&self, now: &Self) -> Vec<(String, String)> {
        let mut broken = Vec::new();
        for (Spot { path, name, .. }, version, other) in
            self.versions.iter().map(|(spot, version)| (spot, &version.text, now.versions.get(spot)))
        {
            match other {
                Some(same) if same.text == *version => {}
                Some(other) => broken.push((
                    path.clone(),
                    format!("the version of {name} was changed from {version} to {}", other.text),
                )),
                None => broken.push((path.clone(), format!("{name} {version} was taken out"))),
            }
        }
        for (spot, version) in now.versions.iter().filter(|(spot, _)| !self.versions.contains_key(*spot)) {
            let is_new = |package: &String| !self.packages.contains(package) && !package.contains("${");
            if !version.addable.as_ref().is_some_and(is_new) {
                let Spot { path, name, .. } = spot;
                broken.push((path.clone(), format!("a version of {name} was added: {}", version.text)));
            }
        }
        let paths: BTreeSet<&String> = self.texts.keys().chain(now.texts.keys()).collect();
        for path in paths.into_iter().filter(|path| self.texts.get(*path) != now.texts.get(*path)) {
            let name = path.rsplit('/').next().unwrap_or(path);
            let what = if survey::LOCKFILES.contains(&name) { "the lockfile was" } else { "the file was" };
            broken.push((path.clone(), format!("{what} edited")));
        }
        broken
    }
}

fn npm(files: &Texts) -> (Vec<Found>, BTreeSet<String>) {
    let declared = edit::npm::declarations(files).unwrap_or_default();
    let packages = declared.iter().map(|found| found.package.clone()).collect();
    let found = declared.into_iter().map(|found| {
        let within: String = found.parents.iter().map(|parent| format!("{parent} > ")).collect();
        let name = format!("{:?} {within}{}", found.section, found.key);
        // The other sections only say at which version something is taken.
        let addable = found.section.is_direct() || found.section == Section::PeerDependencies;
        let version = Version { text: found.range, addable: addable.then_some(found.package) };
        (found.path, name, version)
    });
    (found.collect(), packages)
}

fn maven(files: &Texts) -> (Vec<Found>, BTreeSet<String>) {
    let within = |profile: Option<String>| profile.map(|id| format!(" (profile {id})")).unwrap_or_default();
    let declared = edit::maven::declarations(files).unwrap_or_default().into_iter().map(|found| {
        let package = format!("{}:{}", found.group.unwrap_or_default(), found.artifact);
        let name = format!("{package}{}", within(found.profile));
        let addable = found.place == Place::Dependency;
        let text = found.version.unwrap_or(found.written);
        (found.path, name, Version { text, addable: addable.then_some(package) })
    });
    // A property that nothing here uses may set a version of a parent.
    let properties = edit::maven::properties(files).unwrap_or_default().into_iter().map(|found| {
        let name = format!("the property {}{}", found.name, within(found.profile));
        (found.path, name, Version { text: found.value, addable: None })
    });
    let packages = edit::maven::named(files).unwrap_or_default();
    (declared.chain(properties).collect(), packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(ecosystem: Ecosystem, files: &[(&str, &str)]) -> Kept {
        let texts = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        Kept::read(ecosystem, &texts.collect())
    }

    fn kept(manifest: &str, lockfile: &str) -> Kept {
        read(Ecosystem::Npm, &[("package.json", manifest), ("package-lock.json", lockfile)])
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

    #[test]
    fn what_would_set_a_version_again_is_found_in_every_place_of_npm() {
        let manifest = r#"{"dependencies":{"a":"^1.0.0"}}"#;
        let before = read(Ecosystem::Npm, &[("package.json", manifest), ("b/package.json", "{}")]);
        let with = |path: &str, text: &str| {
            let files = [("package.json", manifest), ("b/package.json", "{}")];
            let mut files: BTreeMap<&str, &str> = files.into();
            files.insert(path, text);
            before.broken(&read(Ecosystem::Npm, &files.into_iter().collect::<Vec<_>>()))
        };
        let manifest = |more: &str| format!(r#"{{"dependencies":{{"a":"^1.0.0"}},{more}}}"#);
        for (path, text) in [
            ("package.json", manifest(r#""devDependencies":{"a":"0.9"}"#)),
            ("package.json", manifest(r#""overrides":{"a":"0.9"}"#)),
            ("package.json", manifest(r#""overrides":{"x":{"deep":"0.9"}}"#)),
            ("package.json", manifest(r#""resolutions":{"a":"0.9"}"#)),
            ("package.json", manifest(r#""pnpm":{"overrides":{"deep":"0.9"}}"#)),
            ("b/package.json", r#"{"dependencies":{"a":"0.9"}}"#.to_owned()),
            ("pnpm-workspace.yaml", "catalog:\n  a: 0.9\n".to_owned()),
            (".npmrc", "legacy-peer-deps=true\n".to_owned()),
            ("b/.yarnrc.yml", "nodeLinker: pnp\n".to_owned()),
            ("b/yarn.lock", "# other\n".to_owned()),
        ] {
            assert!(!with(path, &text).is_empty(), "{path}: {text}");
        }
        assert_eq!(with("b/package.json", r#"{"dependencies":{"b":"1"}}"#), []);
    }

    #[test]
    fn an_unreadable_manifest_does_not_free_the_others() {
        let files = |manifest, broken| {
            read(Ecosystem::Npm, &[("package.json", manifest), ("x/package.json", broken)])
        };
        let before = files(r#"{"dependencies":{"a":"2"}}"#, "{ not JSON");
        let lowered = files(r#"{"dependencies":{"a":"1"}}"#, "{ not JSON");
        assert_eq!(before.broken(&lowered).len(), 1);
        let edited = files(r#"{"dependencies":{"a":"2"}}"#, "{ not JSON either");
        assert_eq!(before.broken(&edited), [("x/package.json".into(), "the file was edited".into())]);
        let hidden = files("{ broken now", "{ not JSON");
        assert!(before.broken(&hidden).len() >= 2);
    }

    const PARENT: &str = "<project><groupId>e</groupId><artifactId>p</artifactId><version>1</version>\
        <properties><netty.version>4</netty.version></properties><dependencyManagement><dependencies>\
        <dependency><groupId>g</groupId><artifactId>a</artifactId><version>2</version></dependency>\
        </dependencies></dependencyManagement></project>";
    const CHILD: &str = "<project><artifactId>c</artifactId><dependencies><dependency><groupId>g</groupId>\
        <artifactId>free</artifactId></dependency></dependencies></project>";

    #[test]
    fn what_would_set_a_version_again_is_found_in_every_place_of_maven() {
        let files = [("pom.xml", PARENT), ("c/pom.xml", CHILD), (".mvn/maven.config", "-T1\n")];
        let before = read(Ecosystem::Maven, &files);
        assert_eq!(before.broken(&before), []);
        let with = |path: &str, text: &str| {
            let mut files: BTreeMap<&str, &str> = files.into();
            files.insert(path, text);
            before.broken(&read(Ecosystem::Maven, &files.into_iter().collect::<Vec<_>>()))
        };
        let entry = |artifact: &str| {
            format!(
                "<dependency><groupId>g</groupId><artifactId>{artifact}</artifactId><version>1</version></dependency>"
            )
        };
        let child = |more: &str| CHILD.replace("</project>", &format!("{more}</project>"));
        let managed = |artifact: &str| {
            format!(
                "<dependencyManagement><dependencies>{}</dependencies></dependencyManagement>",
                entry(artifact)
            )
        };
        let direct =
            |artifact: &str| CHILD.replace("<dependencies>", &format!("<dependencies>{}", entry(artifact)));
        for (path, text) in [
            ("pom.xml", PARENT.replace("<netty.version>4</netty.version>", "")),
            ("pom.xml", PARENT.replace(">4<", ">3<")),
            ("c/pom.xml", child("<properties><netty.version>3</netty.version></properties>")),
            ("c/pom.xml", child(&managed("a"))),
            ("c/pom.xml", child(&managed("transitive"))),
            (
                "c/pom.xml",
                child(&format!("<profiles><profile><id>x</id>{}</profile></profiles>", managed("a"))),
            ),
            ("c/pom.xml", direct("a")),
            ("c/pom.xml", direct("free")),
            ("c/pom.xml", direct("${other}")),
            (".mvn/maven.config", "-T1\n-Dnetty.version=3\n".to_owned()),
            (".mvn/extensions.xml", "<extensions/>".to_owned()),
            (".mvn/wrapper/maven-wrapper.properties", "distributionUrl=x".to_owned()),
        ] {
            assert!(!with(path, &text).is_empty(), "{path}: {text}");
        }
        assert_eq!(with("c/pom.xml", &direct("new")), []);
    }

    #[test]
    fn many_declarations_of_one_name_are_counted_quickly() {
        let one =
            "<dependency><groupId>g</groupId><artifactId>a</artifactId><version>2</version></dependency>";
        let pom = format!("<project><dependencies>{}</dependencies></project>", one.repeat(4000));
        let started = std::time::Instant::now();
        let before = read(Ecosystem::Maven, &[("pom.xml", &pom)]);
        assert_eq!(before.versions.len(), 4000);
        assert!(started.elapsed().as_secs() < 10);
    }
}
