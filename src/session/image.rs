//! Which image a repository's commands run in.

use crate::change::Ecosystem;
use crate::runtime::{self, Files, Majors, Runtime};

/// The images that exist, as the operator configured them.
#[derive(Debug, Clone)]
pub struct Images {
    pub npm: Family,
    pub maven: Family,
}

/// The images of one ecosystem.
#[derive(Debug, Clone)]
pub struct Family {
    /// `{major}` stands for the major of Node or of the JDK.
    pub pattern: String,
    pub majors: Majors,
}

impl Family {
    /// All images of the family.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.majors.all.iter().map(|major| self.name(*major)).collect()
    }

    fn name(&self, major: u64) -> String {
        self.pattern.replace("{major}", &major.to_string())
    }
}

/// An image, and why it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub name: String,
    pub runtime: Runtime,
}

impl Images {
    /// The image for a change of this ecosystem in a repository with these
    /// files: those for which [`runtime::asks`].
    #[must_use]
    pub fn choose(&self, ecosystem: Ecosystem, files: &Files) -> Image {
        let (family, runtime) = match ecosystem {
            Ecosystem::Npm => (&self.npm, runtime::node(files, &self.npm.majors)),
            Ecosystem::Maven => (&self.maven, runtime::jdk(files, &self.maven.majors)),
        };
        Image { name: family.name(runtime.major()), runtime }
    }

    /// The same with another major, which somebody chose.
    #[must_use]
    pub fn with_major(&self, ecosystem: Ecosystem, image: Image, major: u64) -> Image {
        let family = match ecosystem {
            Ecosystem::Npm => &self.npm,
            Ecosystem::Maven => &self.maven,
        };
        Image { name: family.name(major), runtime: image.runtime.with_major(major) }
    }
}
