//! The few shapes of path that the gateway answers: npm's listings and
//! tarballs at the root, and the files of a Maven repository below `maven/`.
//! Anything else is refused before a registry hears of it.

use std::path::Path;

/// Where the Maven repository lies behind a door.
pub(super) const MAVEN: &str = "maven/";

/// A request that passed: the path is plain and has one of these shapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// `name` or `@scope/name`.
    Listing(String),
    /// `…/name/-/file.tgz`.
    Tarball(String),
    /// `org/acme/tool/1.0/tool-1.0.jar`: a file of a release never changes.
    MavenFile(String),
    /// `org/acme/tool/maven-metadata.xml`, or a file of a snapshot: it does.
    MavenListing(String),
}

impl Route {
    /// From a request's path, without the query: npm sends none.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        // npm also has a package of that name; its tarballs have a `/-/`.
        if let Some(file) = path.strip_prefix(MAVEN).filter(|_| !path.contains("/-/")) {
            return Self::maven(file);
        }
        let path = path.replace("%2f", "/").replace("%2F", "/");
        match path.split_once("/-/") {
            None => Self::listing(&path),
            Some((before, file)) => {
                let name = before.split('/').all(is_part);
                let file_ok = file.split('/').all(is_part) && file.split('/').count() <= 2;
                let tgz = Path::new(file).extension().is_some_and(|end| end == "tgz");
                (name && file_ok && tgz && path.len() <= 512).then_some(Self::Tarball(path))
            }
        }
    }

    /// A package's listing.
    pub(super) fn listing(name: &str) -> Option<Self> {
        let plain = match name.split_once('/') {
            Some((scope, name)) => scope.starts_with('@') && is_part(scope) && is_part(name),
            None => is_part(name) && !name.starts_with('@'),
        };
        (plain && name.len() <= 214).then(|| Self::Listing(name.to_owned()))
    }

    /// A file of a Maven repository: `group…/artifact/version/file`, where the
    /// file is named after artifact and version, or the metadata of any level.
    pub(super) fn maven(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').collect();
        if path.len() > 512 || !parts.iter().copied().all(is_part) {
            return None;
        }
        let (file, above) = parts.split_last()?;
        if is_metadata(file) {
            return (!above.is_empty()).then(|| Self::MavenListing(path.to_owned()));
        }
        let [_group, .., artifact, version] = above else { return None };
        let base = version.strip_suffix("-SNAPSHOT");
        let rest = file.strip_prefix(artifact)?.strip_prefix('-')?.strip_prefix(base.unwrap_or(version))?;
        // A classifier, a snapshot's time, or the extension follows.
        let named =
            rest.starts_with(['.', '-']) && Path::new(file).extension().is_some() && rest.contains('.');
        named.then(|| match base {
            None => Self::MavenFile(path.to_owned()),
            Some(_) => Self::MavenListing(path.to_owned()),
        })
    }
}

/// `maven-metadata.xml`, with a checksum's or a signature's ending.
fn is_metadata(file: &str) -> bool {
    let Some(rest) = file.strip_prefix("maven-metadata") else { return false };
    let endings = ["", ".sha1", ".sha256", ".sha512", ".md5", ".asc"];
    rest.strip_prefix(".xml").is_some_and(|ending| endings.contains(&ending))
}

/// One part of a path: nothing that needs escaping, nothing hidden.
fn is_part(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~+@".contains(c);
    !part.is_empty() && part.chars().all(plain) && !part.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_and_tarballs_pass() {
        let listing = |name: &str| Some(Route::Listing(name.into()));
        assert_eq!(Route::parse("/ms"), listing("ms"));
        assert_eq!(Route::parse("/@scope%2fname"), listing("@scope/name"));
        assert_eq!(Route::parse("/@scope/name"), listing("@scope/name"));
        assert_eq!(Route::parse("/ms/-/ms-2.0.0.tgz"), Some(Route::Tarball("ms/-/ms-2.0.0.tgz".into())));
        assert!(matches!(Route::parse("/npm/@s/n/-/@s/n-1.0.0-rc.1+b.tgz"), Some(Route::Tarball(_))));
    }

    #[test]
    fn files_of_a_maven_repository_pass() {
        for file in [
            "junit/junit/4.13.2/junit-4.13.2.jar",
            "junit/junit/4.13.2/junit-4.13.2.pom.sha1",
            "org/acme/a.b/1.0_2/a.b-1.0_2-sources.jar.asc.md5",
            "org/acme/tool/1.0/tool-1.0-linux-x86_64.tar.gz",
            "org/acme/tool/1.0/tool-1.0.module",
        ] {
            assert_eq!(Route::parse(&format!("/maven/{file}")), Some(Route::MavenFile(file.into())));
        }
        for file in [
            "org/apache/maven/plugins/maven-metadata.xml",
            "junit/junit/maven-metadata.xml.sha1",
            "org/acme/tool/1.0-SNAPSHOT/maven-metadata.xml",
            "org/acme/tool/1.0-SNAPSHOT/tool-1.0-20260101.010203-4.jar",
        ] {
            assert_eq!(Route::parse(&format!("/maven/{file}")), Some(Route::MavenListing(file.into())));
        }
        let package = Route::Tarball("maven/-/maven-1.0.0.tgz".into());
        assert_eq!(Route::parse("/maven/-/maven-1.0.0.tgz"), Some(package));
    }

    #[test]
    fn everything_else_of_a_maven_repository_is_refused() {
        for bad in [
            "",
            "maven-metadata.xml",
            "junit",
            "junit/junit/4.13.2/",
            "junit/junit/4.13.2",
            "junit/4.13.2/junit-4.13.2.jar/x",
            "junit/junit/4.13.2/other-4.13.2.jar",
            "junit/junit/4.13.2/junit-4.13.1.jar",
            "junit/junit/4.13.2/junit-4.13.2",
            "junit/junit/4.13.2/junit-4.13.20.jar",
            "junit/junit/../junit-...jar",
            "junit/junit/4.13.2/.index",
            ".meta/prefixes.txt",
            "archetype-catalog.xml",
            "junit/junit/maven-metadata-local.xml",
            "junit/ju%6eit/4/junit-4.jar",
            "junit//4/-4.jar",
        ] {
            assert_eq!(Route::parse(&format!("/maven/{bad}")), None, "{bad}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for bad in [
            "",
            "/",
            "//ms",
            "/../ms",
            "/ms/..",
            "/ms/1.0.0",
            "/-/npm/v1/security/audits",
            "/-/user/org.couchdb.user:x",
            "/ms/-/..",
            "/ms/-/../x.tgz",
            "/ms/-/x.sh",
            "/@scope",
            "/a b",
            "/a%00",
            "/a%2e%2e/b",
            "/http://evil/x",
            "/ms?write=true",
            "/.env",
            "/ms/-/a/b/c.tgz",
        ] {
            assert_eq!(Route::parse(bad), None, "{bad}");
        }
    }
}
