//! The tree as a tar on standard input becomes files.
//!
//! The tar comes from the host, which made it from git's object database;
//! all the same nothing in it may lead out of the tree.

use std::io::Read;
use std::path::Path;

use anyhow::Context as _;

/// Unpacks into an empty tree. Times and owners are not taken over.
pub(crate) fn unpack(tar: impl Read, tree: &Path) -> anyhow::Result<()> {
    let mut archive = tar::Archive::new(std::io::BufReader::with_capacity(256 * 1024, tar));
    archive.set_preserve_mtime(false);
    archive.set_preserve_ownerships(false);
    archive.set_overwrite(false);
    for entry in archive.entries().context("could not read the tree")? {
        let mut entry = entry.context("could not read the tree")?;
        let inside = entry.unpack_in(tree).context("could not write the tree")?;
        anyhow::ensure!(inside, "could not write the tree: a path leads out of it");
    }
    Ok(())
}
