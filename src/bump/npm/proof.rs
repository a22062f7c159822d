//! Every installed copy, checked against the advisories.
//!
//! It reads the lockfile that was written, not the plan: what npm really
//! chose is what counts. A copy from a repository, a file or an address is
//! listed too and judged by the version that the lockfile gives it; one
//! without a version cannot be judged, and its path says so.

use deno_semver::Version;

use super::importers;
use super::lock::{Graph, Node};
use super::vulnerable::Vulnerable;
use crate::advisory::{Advisory, InstalledCopy, Proof};
use crate::bump::edit::Texts;
use crate::manager::Kind;

/// Lists every copy of the advisories' package with its shortest way in.
/// `manifests` are the repository's manifests by path, of which those count
/// that the lockfile installs; `path` is the lockfile's.
///
/// # Errors
/// The lockfile or a range cannot be read; completes "could not …".
pub fn prove(
    lockfile: &str,
    path: &str,
    kind: Kind,
    manifests: &Texts,
    advisories: &[Advisory],
) -> Result<Proof, String> {
    let package = advisories.first().map(|advisory| advisory.package.clone()).unwrap_or_default();
    let mine = || advisories.iter().filter(|advisory| advisory.package == package);
    let graph = Graph::read(lockfile, path, kind, &importers::only(manifests, kind, lockfile))?;
    let vulnerable =
        Vulnerable::read(mine()).map_err(|range| format!("read the advisory's range {range:?}"))?;
    let paths = graph.paths();
    let path_of = |index: usize| {
        paths.get(&index).cloned().unwrap_or_else(|| format!("(asked for by nobody) > {package}"))
    };
    let mut copies: Vec<InstalledCopy> = graph
        .copies(&package)
        .map(|(index, node)| InstalledCopy {
            version: node.version.to_string(),
            path: path_of(index),
            vulnerable: vulnerable.names(&node.version),
        })
        .collect();
    copies
        .extend(graph.strangers(&package).map(|(index, node)| stranger(node, &path_of(index), &vulnerable)));
    copies.sort_by(|a, b| (&a.path, &a.version).cmp(&(&b.path, &b.version)));
    let mut ranges: Vec<String> = mine().flat_map(|advisory| advisory.vulnerable.clone()).collect();
    ranges.sort();
    ranges.dedup();
    Ok(Proof { package, ranges, copies })
}

/// A copy that no registry published. What has no version would stop every
/// fix if it counted as vulnerable, so it is only named.
fn stranger(node: &Node, path: &str, vulnerable: &Vulnerable) -> InstalledCopy {
    if node.version == Version::default() {
        let path = format!("{path} (not from the registry: not checked)");
        return InstalledCopy { version: "unknown".to_owned(), path, vulnerable: false };
    }
    InstalledCopy {
        version: node.version.to_string(),
        path: format!("{path} (not from the registry)"),
        vulnerable: vulnerable.names(&node.version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bump::npm::tests::{advisory, repository};
    use serde_json::json;

    #[test]
    fn copies_that_no_registry_published_are_listed_and_judged_by_their_version() {
        let git = |version: &str| json!({ "resolved": "git+ssh://git@host/g.git#1", "version": version });
        for (version, listed, holds) in [
            ("1.0.0", "1.0.0 app > p > g (not from the registry)", false),
            ("2.0.0", "2.0.0 app > p > g (not from the registry)", true),
            ("", "unknown app > p > g (not from the registry: not checked)", true),
        ] {
            let manifest = json!({ "name": "app", "dependencies": { "g": "^2.0.0", "p": "1.0.0" } });
            let needs = json!({ "dependencies": { "g": "owner/g" } });
            let mut files = repository(
                &manifest,
                &[
                    ("g", "2.0.0", json!({})),
                    ("p", "1.0.0", needs),
                    ("p/node_modules/g", version, git(version)),
                ],
            );
            files.insert("test/fixtures/broken/package.json".into(), "{ nope".into());
            let path = "package-lock.json";
            let proof = prove(&files[path], path, Kind::Npm, &files, &[advisory("g", &["< 2.0.0"])]).unwrap();
            let copies: Vec<String> =
                proof.copies.iter().map(|copy| format!("{} {}", copy.version, copy.path)).collect();
            assert_eq!(copies, ["2.0.0 app > g", listed], "{version}");
            assert_eq!(proof.holds(), holds, "{version}");
        }
    }
}
