//! Every installed copy, checked against the advisories.
//!
//! It reads the lockfile that was written, not the plan: what npm really
//! chose is what counts.

use super::lock::Graph;
use super::vulnerable::Vulnerable;
use crate::advisory::{Advisory, InstalledCopy, Proof};
use crate::bump::edit::Texts;
use crate::manager::Kind;

/// Lists every copy of the advisories' package with its shortest way in.
/// `manifests` are the repository's manifests by path; `path` is the
/// lockfile's.
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
    let graph = Graph::read(lockfile, path, kind, manifests)?;
    let vulnerable =
        Vulnerable::read(mine()).map_err(|range| format!("read the advisory's range {range:?}"))?;
    let paths = graph.paths();
    let mut copies: Vec<InstalledCopy> = graph
        .copies(&package)
        .map(|(index, node)| InstalledCopy {
            version: node.version.to_string(),
            path: paths.get(&index).cloned().unwrap_or_else(|| format!("(asked for by nobody) > {package}")),
            vulnerable: vulnerable.names(&node.version),
        })
        .collect();
    copies.sort_by(|a, b| (&a.path, &a.version).cmp(&(&b.path, &b.version)));
    let mut ranges: Vec<String> = mine().flat_map(|advisory| advisory.vulnerable.clone()).collect();
    ranges.sort();
    ranges.dedup();
    Ok(Proof { package, ranges, copies })
}
