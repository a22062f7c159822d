//! The files of a fetched package, read in memory and never written.
//!
//! An archive is written by strangers: how much is unpacked, how many entries
//! it has and how large one may be are capped, and what lies outside of the
//! package is left out. Files that nothing here reads are known by name only.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};

use zip::ZipArchive;

/// Entries that are looked at.
const ENTRIES: usize = 50_000;
/// Bytes that are unpacked, of all entries together.
const UNPACKED: u64 = 256 << 20;
/// Bytes that are kept.
const KEPT: u64 = 96 << 20;
/// Bytes of one kept file.
const FILE: u64 = 4 << 20;
/// Files that are read, by their ending.
const READ: [&str; 9] = [".js", ".cjs", ".mjs", ".ts", ".mts", ".cts", ".json", ".md", ".class"];

/// The files of a package by their path in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Files {
    /// All of them.
    pub(super) paths: BTreeSet<String>,
    contents: BTreeMap<String, Vec<u8>>,
    /// A cap was met: there may be more.
    pub(super) cut: bool,
}

impl Files {
    pub(super) fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.contents.get(path).map(Vec::as_slice)
    }

    pub(super) fn text(&self, path: &str) -> Option<String> {
        Some(String::from_utf8_lossy(self.bytes(path)?).into_owned())
    }

    /// Kept files, in the order of their paths.
    pub(super) fn kept(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.contents.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// Takes one entry in; false when no more fits.
    fn take(&mut self, path: &str, size: u64, entry: &mut dyn Read, kept: &mut u64) -> bool {
        if self.paths.len() >= ENTRIES {
            self.cut = true;
            return false;
        }
        self.paths.insert(path.to_owned());
        if !is_read(path) {
            return true;
        }
        if size > FILE || *kept + size > KEPT {
            self.cut |= size <= FILE || path.ends_with(".class");
            return true;
        }
        let mut bytes = Vec::new();
        // The stated size is not believed.
        match entry.take(FILE).read_to_end(&mut bytes) {
            Ok(_) => {
                *kept += u64::try_from(bytes.len()).unwrap_or(FILE);
                self.contents.insert(path.to_owned(), bytes);
                true
            }
            Err(_) => {
                self.cut = true;
                false
            }
        }
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let contents: BTreeMap<String, Vec<u8>> =
            files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        Self { paths: contents.keys().cloned().collect(), contents, cut: false }
    }
}

fn is_read(path: &str) -> bool {
    READ.iter().any(|end| path.ends_with(end)) || super::changelog::is_one(path)
}

/// A path inside of the package: no way out of it, nothing hidden from sight.
fn plain(path: &str) -> Option<&str> {
    let parts_ok = path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    let shown = !path.chars().any(char::is_control) && !path.contains('\\');
    (parts_ok && shown && path.len() <= 512).then_some(path)
}

/// An npm archive: a tar, mostly gzipped, with one directory around it.
///
/// # Errors
/// It is none; says why.
pub(super) fn npm(bytes: &[u8]) -> Result<Files, String> {
    match bytes {
        [0x1f, 0x8b, ..] => untar(flate2::read::MultiGzDecoder::new(bytes).take(UNPACKED)),
        _ => untar(bytes.take(UNPACKED)),
    }
}

fn untar(reader: impl Read) -> Result<Files, String> {
    let mut files = Files::default();
    let mut kept = 0;
    let mut archive = tar::Archive::new(reader);
    let entries = archive.entries().map_err(|error| format!("the archive cannot be read: {error}"))?;
    for entry in entries {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) if files.paths.is_empty() => {
                return Err(format!("the archive cannot be read: {error}"));
            }
            Err(_) => {
                files.cut = true;
                break;
            }
        };
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        // npm takes the first directory away, whatever it is called.
        let inner = path.split_once('/').map(|(_, inner)| inner).and_then(plain);
        let Some(inner) = inner else { continue };
        let size = entry.size();
        if !files.take(inner, size, &mut entry, &mut kept) {
            break;
        }
    }
    Ok(files)
}

/// A jar.
///
/// # Errors
/// It is none; says why.
pub(super) fn jar(bytes: &[u8]) -> Result<Files, String> {
    let mut archive =
        ZipArchive::new(Cursor::new(bytes)).map_err(|error| format!("the jar cannot be read: {error}"))?;
    let mut files = Files { cut: archive.len() > ENTRIES, ..Files::default() };
    let mut kept = 0;
    for index in 0..archive.len().min(ENTRIES) {
        let Ok(mut entry) = archive.by_index(index) else { continue };
        let Ok(path) = entry.name().map(Cow::into_owned) else { continue };
        if entry.is_dir() {
            continue;
        }
        let Some(path) = plain(&path) else { continue };
        let size = entry.size();
        if !files.take(path, size, &mut entry, &mut kept) {
            break;
        }
    }
    Ok(files)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use super::*;

    pub(in crate::briefing) fn tgz(files: &[(&str, &str)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            // The builder would refuse the paths that the reader must refuse.
            let name = format!("package/{path}");
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            tar.append(&header, content.as_bytes()).unwrap();
        }
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&tar.into_inner().unwrap()).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn a_package_is_read_and_what_lies_outside_of_it_is_not() {
        let files = npm(&tgz(&[
            ("package.json", "{}"),
            ("lib/a.js", "a"),
            ("logo.png", "x"),
            ("CHANGELOG", "# 1"),
            ("../evil.js", "x"),
            ("a/../../evil.js", "x"),
            ("a//b.js", "x"),
        ]))
        .unwrap();
        let paths: Vec<&str> = files.paths.iter().map(String::as_str).collect();
        assert_eq!(paths, ["CHANGELOG", "lib/a.js", "logo.png", "package.json"]);
        assert_eq!(files.text("lib/a.js").as_deref(), Some("a"));
        assert_eq!(files.text("CHANGELOG").as_deref(), Some("# 1"));
        assert_eq!(files.text("logo.png"), None);
    }

    #[test]
    fn a_large_file_is_known_by_name_only() {
        let large = "x".repeat(usize::try_from(FILE).unwrap() + 1);
        let files = npm(&tgz(&[("a.js", &large), ("b.js", "b")])).unwrap();
        assert!(files.paths.contains("a.js") && files.text("a.js").is_none());
        assert_eq!(files.text("b.js").as_deref(), Some("b"));
    }

    #[test]
    fn what_is_no_archive_says_so_and_half_of_one_is_cut() {
        assert!(jar(b"nonsense").is_err());
        assert!(npm(&[b'x'; 2000]).is_err());
        assert!(npm(&[0x1f, 0x8b, 8, 0, 0]).is_err());
        let whole = tgz(&[("a.js", "a"), ("b.js", &"b".repeat(100_000))]);
        let half = npm(&whole[..whole.len() - 40]).unwrap();
        assert!(half.cut && half.text("a.js").is_some());
    }
}
