//! Which Node or JDK a repository runs on.
//!
//! Read from what the repository itself says; the images that exist decide
//! what it can get. Nothing is looked up and nothing is started here.

mod jdk;
mod node;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::Ecosystem;

pub use jdk::jdk;
pub use node::node;

/// What a repository's commands run on, and what its users may run it on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "runtime", rename_all = "snake_case")]
pub enum Runtime {
    Node {
        /// The major of the image.
        major: u64,
        /// The repository's own `engines.node`, when it says one: a new
        /// dependency must run on all of it.
        engines: Option<String>,
    },
    Jdk {
        /// The major of the image's JDK.
        major: u64,
        /// The class-file level that the repository compiles for
        /// (`maven.compiler.release` or `target`): 8, 11, 17 …
        release: Option<u64>,
    },
}

impl Runtime {
    /// The major of the image.
    #[must_use]
    pub fn major(&self) -> u64 {
        match self {
            Self::Node { major, .. } | Self::Jdk { major, .. } => *major,
        }
    }

    /// The same on another major.
    #[must_use]
    pub fn with_major(self, major: u64) -> Self {
        match self {
            Self::Node { engines, .. } => Self::Node { major, engines },
            Self::Jdk { release, .. } => Self::Jdk { major, release },
        }
    }

    /// Whose packages run on it.
    #[must_use]
    pub fn ecosystem(&self) -> Ecosystem {
        match self {
            Self::Node { .. } => Ecosystem::Npm,
            Self::Jdk { .. } => Ecosystem::Maven,
        }
    }
}

/// Files of the repository by path: those for which [`asks`] says yes.
pub type Files = BTreeMap<String, String>;

/// The majors for which there is an image.
#[derive(Debug, Clone)]
pub struct Majors {
    /// In any order.
    pub all: Vec<u64>,
    /// Taken when a repository asks for none.
    pub default: u64,
}

/// Does the file at this path say anything about the runtime?
#[must_use]
pub fn asks(path: &str) -> bool {
    let at_root = [
        ".nvmrc",
        ".node-version",
        ".tool-versions",
        "package.json",
        ".java-version",
        ".sdkmanrc",
        ".mvn/jvm.config",
        "pom.xml",
    ];
    // A module of the first level is often the parent of the others.
    let is_module = path.strip_suffix("/pom.xml").is_some_and(|dir| !dir.contains('/'));
    at_root.contains(&path) || is_module || is_workflow(path)
}

fn is_workflow(path: &str) -> bool {
    path.strip_prefix(".github/workflows/").is_some_and(|file| {
        !file.contains('/')
            && std::path::Path::new(file).extension().is_some_and(|end| end == "yml" || end == "yaml")
    })
}

/// The version that `.tool-versions` gives a tool.
fn tool_version<'f>(files: &'f Files, tool: &str) -> Option<&'f str> {
    files.get(".tool-versions")?.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(tool)).then(|| words.next()).flatten()
    })
}
