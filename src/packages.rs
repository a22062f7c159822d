//! What a room may ask of the package registries.
//!
//! The bump room decides from listings and poms without knowing where they
//! come from: `registry` implements [`Packages`] behind the same cache and
//! filters that the containers use.

use futures_util::future::BoxFuture;
use tokio_util::bytes::Bytes;

use crate::change::Ecosystem;
use crate::failure::Failure;

/// One document of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// An npm package's listing (a packument), JSON. With `times` the long
    /// form, which has the publication dates.
    NpmListing { name: String, times: bool },
    /// The archive of one version of an npm package, as its listing names it
    /// and with the hash that it states.
    NpmArchive { name: String, version: String },
    /// A file of the Maven repository by its path, such as
    /// `junit/junit/maven-metadata.xml`.
    MavenFile { path: String },
}

/// The registries, read only.
pub trait Packages: Send + Sync {
    /// `None` when the registry has no such document. With `fixing`, versions
    /// that are too young for an ordinary bump are there too: a security fix
    /// does not wait.
    ///
    /// A [`Failure`] means that the registry could not be read.
    fn fetch<'a>(
        &'a self,
        document: &'a Document,
        fixing: bool,
    ) -> BoxFuture<'a, Result<Option<Bytes>, Failure>>;

    /// The root address of an ecosystem's registry, as the operator or the
    /// package manager itself names it; `None` when there is none.
    fn address(&self, ecosystem: Ecosystem) -> Option<String>;
}
