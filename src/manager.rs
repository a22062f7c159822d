//! Which package manager is in charge, in which version, and how it is asked.
//!
//! Deciding is pure. A package manager comes from the registry like every
//! other package: one that is checked into the repository is code of the
//! repository and never started while the door is open. What cannot be told
//! for sure, or is not driven, is declined with the names of the files.

pub mod addresses;
pub mod hand;
mod yarnrc;

use std::collections::BTreeMap;

use deno_semver::npm::parse_npm_version;
use serde_json::Value;

use crate::exec::TREE;
use crate::failure::Failure;
use crate::outcome::Outcome;

pub use addresses::HERE;

/// Where the package manager is put: not in the tree, where it would be taken
/// for a part of the change.
const HOME: &str = "/tmp/manager";
/// Programs that the repository's scripts call by name must lie where
/// programs may be started.
const SHIMS: &str = "node_modules/.chaperone";

/// The package manager that writes the lockfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    pub kind: Kind,
    /// The exact version that the repository pins, or the range that fits
    /// the lockfile; `None` is the npm of the image.
    pub version: Option<String>,
    /// The lockfile's path in the tree.
    pub lockfile: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Npm,
    YarnClassic,
    YarnBerry,
    Pnpm,
}

impl Default for Manager {
    fn default() -> Self {
        Self { kind: Kind::Npm, version: None, lockfile: "package-lock.json".to_owned() }
    }
}

/// What tells which package manager is in charge: files at the tree's root.
#[derive(Debug, Clone, Default)]
pub struct Signs {
    /// `package.json`.
    pub manifest: Option<Vec<u8>>,
    /// The files of [`LOCKFILES`] that are there.
    pub lockfiles: BTreeMap<String, Vec<u8>>,
    /// `.yarnrc.yml`.
    pub yarnrc: Option<Vec<u8>>,
    /// All paths of the tree.
    pub paths: Vec<String>,
}

/// What package managers call their lockfiles.
pub const LOCKFILES: [&str; 6] =
    ["npm-shrinkwrap.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"];

fn declined(what: impl Into<String>) -> Failure {
    Failure::user(Outcome::DeclinedPolicy, what)
}

impl Signs {
    /// The manager in charge: the one that `packageManager` names, else the
    /// one whose lockfile is there.
    ///
    /// # Errors
    /// There is no lockfile, several contradict each other, or the manager is
    /// not driven.
    pub fn manager(&self) -> Result<Manager, Failure> {
        let manifest: Value =
            self.manifest.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
        let named = manifest.get("packageManager").and_then(Value::as_str).map(named);
        let lockfile = self.lockfile(named.as_ref().map(|(name, _)| name.as_str()))?;
        let text =
            self.lockfiles.get(lockfile).map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
        let pinned = named.and_then(|(_, version)| version).or_else(|| self.pinned(&manifest, lockfile));
        let berry = text.contains("\n__metadata:")
            || text.starts_with("__metadata:")
            || (self.yarnrc.is_some() && !text.contains("# yarn lockfile v1"));
        let kind = match lockfile {
            "yarn.lock" if berry => Kind::YarnBerry,
            "yarn.lock" => Kind::YarnClassic,
            "pnpm-lock.yaml" => Kind::Pnpm,
            _ => Kind::Npm,
        };
        let fitting = pinned.filter(|version| fits(kind, version));
        let version = fitting.or_else(|| by_format(kind, &text));
        let manager = Manager { kind, version, lockfile: lockfile.to_owned() };
        self.driven(&manager, &text)?;
        Ok(manager)
    }

    /// The lockfile in charge.
    fn lockfile(&self, named: Option<&str>) -> Result<&'static str, Failure> {
        let mut there: Vec<&'static str> =
            LOCKFILES.into_iter().filter(|name| self.lockfiles.contains_key(*name)).collect();
        // npm itself looks at the first of its two only.
        if there.contains(&"npm-shrinkwrap.json") {
            there.retain(|name| *name != "package-lock.json");
        }
        let names = there.join(" and ");
        if let Some(named) = named {
            there.retain(|lockfile| owner(lockfile) == named);
        }
        match (there.as_slice(), named) {
            ([one], _) if owner(one) == "bun" => Err(declined(format!("bump with {one}: bun is not driven"))),
            ([one], _) => Ok(one),
            ([], None) => Err(declined("bump without a lockfile: nothing would hold the version")),
            ([], Some(named)) if names.is_empty() => {
                Err(declined(format!("bump without a lockfile of {named}: nothing would hold the version")))
            }
            ([], Some(named)) => Err(declined(format!(
                "tell which package manager is in charge: packageManager names {named}, and there is {names}"
            ))),
            (_, None) => Err(declined(format!(
                "tell which package manager is in charge: there are {names}, and no packageManager in package.json"
            ))),
            (_, Some(_)) => Err(declined(format!("tell which lockfile is in charge: there are {names}"))),
        }
    }

    /// The version that the repository pins outside `packageManager`.
    fn pinned(&self, manifest: &Value, lockfile: &str) -> Option<String> {
        let name = owner(lockfile);
        let volta = manifest.get("volta").and_then(|volta| volta.get(name)).and_then(Value::as_str);
        let engine = manifest.get("engines").and_then(|engines| engines.get(name)).and_then(Value::as_str);
        let exact = |text: &str| parse_npm_version(text).ok().map(|version| version.to_string());
        let release = || (name == "yarn").then(|| self.yarnrc.as_deref().and_then(yarnrc::release)).flatten();
        volta.and_then(exact).or_else(release).or_else(|| engine.and_then(exact))
    }

    /// What would run code of the repository, or needs files that a change
    /// does not carry, is refused here.
    fn driven(&self, manager: &Manager, lockfile: &str) -> Result<(), Failure> {
        let has = |wanted: &dyn Fn(&str) -> bool| self.paths.iter().find(|path| wanted(path));
        match manager.kind {
            Kind::YarnBerry => {
                let cached = |path: &str| path.starts_with(".yarn/cache/") || path.starts_with(".pnp.");
                if let Some(path) = has(&cached) {
                    return Err(declined(format!(
                        "bump with a package cache that is kept in the repository ({path})"
                    )));
                }
                if lockfile.contains("@exec:") {
                    return Err(declined(
                        "bump with an exec: dependency: it runs a script when it is fetched",
                    ));
                }
            }
            Kind::Pnpm => {
                if lockfile.lines().any(|line| line.starts_with("pnpmfileChecksum:")) {
                    return Err(declined(
                        "bump with a pnpmfile: it is code that changes what is resolved, and is not run",
                    ));
                }
                if manager.major().is_some_and(|major| !(7..=11).contains(&major)) {
                    return Err(declined("bump with this pnpm: only pnpm 7 to 11 is driven"));
                }
            }
            Kind::Npm | Kind::YarnClassic => {}
        }
        Ok(())
    }
}

/// Whose lockfile it is, in the word of `packageManager`.
fn owner(lockfile: &str) -> &'static str {
    match lockfile {
        "yarn.lock" => "yarn",
        "pnpm-lock.yaml" => "pnpm",
        "bun.lock" | "bun.lockb" => "bun",
        _ => "npm",
    }
}

/// `pnpm@8.15.0+sha512.…` as name and exact version.
fn named(text: &str) -> (String, Option<String>) {
    let (name, version) = text.split_once('@').unwrap_or((text, ""));
    let version = version.split('+').next().unwrap_or_default();
    (name.to_owned(), parse_npm_version(version).ok().map(|version| version.to_string()))
}

/// Does the pinned version write this kind of lockfile at all?
fn fits(kind: Kind, version: &str) -> bool {
    let major = major(version).unwrap_or_default();
    match kind {
        Kind::YarnClassic => major == 1,
        Kind::YarnBerry => major >= 2,
        Kind::Npm | Kind::Pnpm => true,
    }
}

fn major(version: &str) -> Option<u64> {
    version.split('.').next()?.parse().ok()
}

/// The version that writes a lockfile of this format.
fn by_format(kind: Kind, text: &str) -> Option<String> {
    let number = |key: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(key))?;
        line.trim_matches([':', ' ', '\'', '"', ',']).split('.').next()?.parse().ok()
    };
    let version = match kind {
        Kind::Npm => match number("\"lockfileVersion\"") {
            Some(1) => "6",
            Some(2) => "8",
            _ => return None,
        },
        Kind::YarnClassic => "1.22.22",
        // The first number of the file's own format, then of its cache's.
        Kind::YarnBerry => match number("version").unwrap_or_default() {
            0..=4 => "2.4.2",
            5..=7 => "3.8.7",
            _ => "4",
        },
        Kind::Pnpm => match number("lockfileVersion").unwrap_or_default() {
            0..=5 => "7",
            6..=8 => "8",
            _ => "10",
        },
    };
    Some(version.to_owned())
}

impl Manager {
    /// The major version; `None` for the npm of the image.
    #[must_use]
    pub fn major(&self) -> Option<u64> {
        major(self.version.as_deref()?)
    }

    /// The word that people call it by.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Npm => "npm",
            Kind::YarnClassic | Kind::YarnBerry => "yarn",
            Kind::Pnpm => "pnpm",
        }
    }

    /// The oldest Node major that it runs on.
    #[must_use]
    pub fn oldest_node(&self) -> u64 {
        match (self.kind, self.major().unwrap_or_default()) {
            (Kind::Npm, 0..=8) | (Kind::YarnClassic, _) => 14,
            (Kind::YarnBerry, 0..=3) => 14,
            (Kind::Pnpm, 0..=8) => 16,
            (Kind::Npm, 11) => 20,
            (Kind::Pnpm, 11..) | (Kind::Npm, 12..) => 22,
            _ => 18,
        }
    }

    /// It takes tarballs' addresses as they are written, instead of putting
    /// its registry's host in: listings and lockfile must say the gateway's.
    #[must_use]
    pub fn takes_addresses_as_written(&self) -> bool {
        match self.kind {
            Kind::Npm => self.major().is_some_and(|major| major < 9),
            _ => true,
        }
    }

    /// What npm is asked to install; `None` when the image's npm is meant.
    fn package(&self) -> Option<String> {
        let version = self.version.as_deref()?;
        let name = match self.kind {
            Kind::YarnBerry => "@yarnpkg/cli-dist",
            _ => self.name(),
        };
        Some(format!("{name}@{version}"))
    }

    /// The words that start it.
    fn program(&self) -> Vec<String> {
        if self.version.is_none() {
            return vec![self.name().to_owned()];
        }
        vec!["node".to_owned(), format!("{HOME}/node_modules/.bin/{}", self.name())]
    }

    /// Settings of its own; none of the repository's that could start code.
    fn environment(&self) -> Vec<(&'static str, String)> {
        let here = || HERE.to_owned();
        let root = || HERE.trim_end_matches('/').to_owned();
        let on = || "1".to_owned();
        let off = || "0".to_owned();
        let mut settings = vec![("COREPACK_ENABLE_STRICT", off())];
        if self.takes_addresses_as_written() {
            settings.push(("npm_config_registry", here()));
        }
        match self.kind {
            Kind::Npm => {}
            Kind::YarnClassic => settings.extend([
                ("YARN_IGNORE_PATH", on()),
                ("YARN_REGISTRY", here()),
                ("YARN_CACHE_FOLDER", "/tmp/yarn/cache".to_owned()),
            ]),
            Kind::YarnBerry => settings.extend([
                ("YARN_IGNORE_PATH", on()),
                ("YARN_RC_FILENAME", yarnrc::name()),
                ("YARN_NPM_REGISTRY_SERVER", root()),
                ("YARN_UNSAFE_HTTP_WHITELIST", "127.0.0.1".to_owned()),
                ("YARN_ENABLE_SCRIPTS", off()),
                ("YARN_ENABLE_TELEMETRY", off()),
                ("YARN_ENABLE_IMMUTABLE_INSTALLS", off()),
                ("YARN_ENABLE_GLOBAL_CACHE", off()),
                ("YARN_CACHE_FOLDER", "/tmp/yarn/cache".to_owned()),
                ("YARN_GLOBAL_FOLDER", "/tmp/yarn/global".to_owned()),
                ("YARN_INSTALL_STATE_PATH", "/tmp/yarn/install-state.gz".to_owned()),
            ]),
            Kind::Pnpm => settings.extend([
                ("pnpm_config_registry", here()),
                ("npm_config_manage_package_manager_versions", "false".to_owned()),
                ("pnpm_config_manage_package_manager_versions", "false".to_owned()),
                ("npm_config_package_manager_strict", "false".to_owned()),
            ]),
        }
        settings
    }

    /// Arguments that install what the lockfile says, and nothing else, with
    /// scripts off.
    #[must_use]
    pub fn frozen(&self) -> Vec<String> {
        let store = format!("--store-dir={TREE}/node_modules/.store");
        let words: Vec<&str> = match self.kind {
            Kind::Npm => vec!["ci", "--ignore-scripts"],
            Kind::YarnClassic => [&["install", "--frozen-lockfile"], CLASSIC].concat(),
            Kind::YarnBerry if self.major() == Some(2) => vec!["install", "--immutable", "--skip-builds"],
            Kind::YarnBerry => vec!["install", "--immutable", "--mode=skip-build"],
            Kind::Pnpm => {
                vec!["install", "--frozen-lockfile", "--ignore-scripts", "--ignore-pnpmfile", &store]
            }
        };
        words.into_iter().map(str::to_owned).collect()
    }

    /// Arguments that write the lockfile to fit the manifests.
    #[must_use]
    pub fn lock(&self) -> Vec<String> {
        let store = format!("--store-dir={TREE}/node_modules/.store");
        let words: Vec<&str> = match self.kind {
            Kind::Npm => vec!["install", "--package-lock-only", "--ignore-scripts"],
            Kind::YarnClassic => [&["install"], CLASSIC].concat(),
            Kind::YarnBerry if self.major() == Some(2) => vec!["install", "--skip-builds"],
            Kind::YarnBerry => vec!["install", "--mode=update-lockfile"],
            Kind::Pnpm => vec![
                "install",
                "--lockfile-only",
                "--ignore-scripts",
                "--ignore-pnpmfile",
                "--no-frozen-lockfile",
                &store,
            ],
        };
        words.into_iter().map(str::to_owned).collect()
    }

    /// Words that run the script `name`, as a person would type them.
    #[must_use]
    pub fn run(&self, name: &str) -> Vec<String> {
        [self.name(), "run", name].map(str::to_owned).to_vec()
    }

    /// Words that start a program of an installed package.
    #[must_use]
    pub fn start(&self, program: &[&str]) -> Vec<String> {
        let front: &[&str] = match self.kind {
            Kind::Npm => &["npx", "--no-install"],
            Kind::YarnClassic | Kind::YarnBerry => &["yarn", "run"],
            Kind::Pnpm => &["pnpm", "exec"],
        };
        front.iter().chain(program).map(|word| (*word).to_owned()).collect()
    }
}

/// Nothing is run, nothing is refused for the machine's sake, and the
/// repository's own settings, which can name a program, are not read.
const CLASSIC: &[&str] =
    &["--ignore-scripts", "--ignore-engines", "--ignore-platform", "--non-interactive", "--no-default-rc"];

#[cfg(test)]
mod tests;
