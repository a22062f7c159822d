//! What changed, as a stream that the host checks line by line.
//!
//! Nothing here is trusted by the reader; this side only has to be complete
//! and to stop in time.

use std::io::{Read as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use toolbox::api::{Exported, FILE_CAP};

use crate::git;
use crate::tree::{Relative, Tree};

/// A mode that no reader accepts, for what is neither file nor gone.
const NOT_A_FILE: u32 = 0o160_000;

/// Writes every changed path with its content.
pub(crate) async fn export(tree: &Path, out: impl Write) -> anyhow::Result<()> {
    let tree = Tree::open(tree).context("could not open the tree")?;
    let mut out = std::io::BufWriter::new(out);
    let mut paths: Vec<Vec<u8>> = git::changed_paths()
        .await?
        .split(|byte| *byte == 0)
        .filter(|path| !path.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    paths.sort();
    paths.dedup();
    for path in paths {
        let Ok(path) = String::from_utf8(path) else { bail!("could not export a path that is not UTF-8") };
        export_one(&tree, path, &mut out)?;
    }
    record(&mut out, &Exported { path: String::new(), mode: None, size: 0 })?;
    out.flush().context("could not write the export")
}

fn export_one(tree: &Tree, path: String, out: &mut impl Write) -> anyhow::Result<()> {
    let Ok(metadata) = std::fs::symlink_metadata(tree.path().join(&path)) else {
        return record(out, &Exported { path, mode: None, size: 0 });
    };
    if !metadata.is_file() {
        return record(out, &Exported { path, mode: Some(NOT_A_FILE), size: 0 });
    }
    let relative =
        Relative::parse(&path).map_err(|refusal| anyhow::anyhow!("could not export: {}", refusal.0))?;
    let bytes = tree.read(&relative).map_err(|refusal| anyhow::anyhow!("could not export: {}", refusal.0))?;
    let mode = if metadata.permissions().mode() & 0o100 == 0 { 0o100_644 } else { 0o100_755 };
    record(out, &Exported { path, mode: Some(mode), size: u64::try_from(bytes.len())? })?;
    out.write_all(&bytes).context("could not write the export")
}

fn record(out: &mut impl Write, exported: &Exported) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, exported)?;
    out.write_all(b"\n").context("could not write the export")
}

/// Writes one file of the tree to standard output; exit code 3 says that
/// there is none.
pub(crate) fn read_one(tree: &Path, path: &str) -> anyhow::Result<()> {
    let (tree, path) = one(tree, path)?;
    let Ok(bytes) = tree.read(&path) else { bail!("could not find a file at {}", path.as_str()) };
    std::io::stdout().lock().write_all(&bytes).context("could not write the file out")
}

/// Writes standard input to one file of the tree.
pub(crate) fn write_one(tree: &Path, path: &str) -> anyhow::Result<()> {
    let (tree, path) = one(tree, path)?;
    let mut bytes = Vec::new();
    let cap = u64::try_from(FILE_CAP)?;
    std::io::stdin().lock().take(cap + 1).read_to_end(&mut bytes).context("could not read the input")?;
    tree.write(&path, &bytes).map_err(|refusal| anyhow::anyhow!("{}", refusal.0))
}

fn one(tree: &Path, path: &str) -> anyhow::Result<(Tree, Relative)> {
    let path = Relative::parse(path).map_err(|refusal| anyhow::anyhow!("{}", refusal.0))?;
    Ok((Tree::open(tree).context("could not open the tree")?, path))
}
