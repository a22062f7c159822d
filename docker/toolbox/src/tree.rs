//! Opening files beneath the tree, whatever the tree looks like.
//!
//! The kernel resolves every path with `openat2`: nothing above the root,
//! no symbolic link on the way, no magic link. A path is text from a model;
//! it is checked first, so that a refusal can be explained.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, mkdirat, openat, openat2};

use crate::api::FILE_CAP;

/// Why a path or a file is refused; told to the model.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) String);

impl Refusal {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// A path that is relative, plain, and not git's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relative(String);

impl Relative {
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        if text.starts_with('/') {
            return Err(Refusal::new(format!("the path {text:?} must be relative to the repository's root")));
        }
        let text = text.strip_prefix("./").unwrap_or(text).trim_end_matches('/');
        let refuse = |why: &str| Err(Refusal::new(format!("the path {text:?} {why}")));
        if text.is_empty() || text == "." {
            return Ok(Self(".".to_owned()));
        }
        if text.len() > 1024 || text.chars().any(char::is_control) {
            return refuse("is too long or has control characters");
        }
        for part in text.split('/') {
            if part.is_empty() || part == "." || part == ".." {
                return refuse("must not contain empty, . or .. parts");
            }
            if part.eq_ignore_ascii_case(".git") {
                return refuse("is git's own");
            }
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_root(&self) -> bool {
        self.0 == "."
    }

    /// Dependencies are installed from the lockfile; an edit there is lost.
    pub(crate) fn writable(self) -> Result<Self, Refusal> {
        if self.is_root() || self.0.split('/').any(|part| part == "node_modules") {
            return Err(Refusal::new(format!("{:?} cannot be written", self.0)));
        }
        Ok(self)
    }
}

/// The repository's tree in the container.
#[derive(Debug)]
pub(crate) struct Tree {
    root: OwnedFd,
    path: PathBuf,
}

impl Tree {
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        let root = openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { root, path: path.to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory or file for walking; it has been opened beneath the
    /// root once, so no link leads there.
    pub(crate) fn start(&self, path: &Relative) -> Result<PathBuf, Refusal> {
        self.open_at(path, OFlags::PATH, Mode::empty())?;
        Ok(if path.is_root() { self.path.clone() } else { self.path.join(path.as_str()) })
    }

    fn open_at(&self, path: &Relative, flags: OFlags, mode: Mode) -> Result<OwnedFd, Refusal> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        openat2(&self.root, path.as_str(), flags | OFlags::CLOEXEC, mode, resolve)
            .map_err(|error| Refusal::new(format!("could not open {:?}: {error}", path.as_str())))
    }

    /// The whole of a regular file of at most [`FILE_CAP`] bytes.
    pub(crate) fn read(&self, path: &Relative) -> Result<Vec<u8>, Refusal> {
        // A FIFO must not hold the server up.
        let fd = self.open_at(path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())?;
        let stat = fstat(&fd).map_err(|error| Refusal::new(error.to_string()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Refusal::new(format!("{:?} is not a regular file", path.as_str())));
        }
        let mut bytes = Vec::new();
        let cap = u64::try_from(FILE_CAP).unwrap_or(u64::MAX);
        File::from(fd)
            .take(cap + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Refusal::new(format!("could not read {:?}: {error}", path.as_str())))?;
        if bytes.len() > FILE_CAP {
            return Err(Refusal::new(format!("{:?} has more than {FILE_CAP} bytes", path.as_str())));
        }
        Ok(bytes)
    }

    /// A regular file as UTF-8 text.
    pub(crate) fn read_text(&self, path: &Relative) -> Result<String, Refusal> {
        String::from_utf8(self.read(path)?)
            .map_err(|_not_text| Refusal::new(format!("{:?} is not text", path.as_str())))
    }

    /// Writes a file and makes the directories above it.
    pub(crate) fn write(&self, path: &Relative, bytes: &[u8]) -> Result<(), Refusal> {
        if bytes.len() > FILE_CAP {
            return Err(Refusal::new(format!("a file may have {FILE_CAP} bytes, not {}", bytes.len())));
        }
        self.make_parents(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NONBLOCK | OFlags::NOFOLLOW;
        let fd = self.open_at(path, flags, Mode::from_raw_mode(0o664))?;
        let stat = fstat(&fd).map_err(|error| Refusal::new(error.to_string()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Refusal::new(format!("{:?} is not a regular file", path.as_str())));
        }
        let mut file = File::from(fd);
        file.set_len(0)
            .and_then(|()| file.write_all(bytes))
            .map_err(|error| Refusal::new(format!("could not write {:?}: {error}", path.as_str())))
    }

    fn make_parents(&self, path: &Relative) -> Result<(), Refusal> {
        let mut at = String::new();
        let Some((parents, _name)) = path.as_str().rsplit_once('/') else {
            return Ok(());
        };
        for part in parents.split('/') {
            let parent = if at.is_empty() { Relative(".".to_owned()) } else { Relative(at.clone()) };
            let dir = self.open_at(&parent, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
            match mkdirat(&dir, part, Mode::from_raw_mode(0o775)) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(Refusal::new(format!("could not make {part:?}: {error}"))),
            }
            if !at.is_empty() {
                at.push('/');
            }
            at.push_str(part);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relative(text: &str) -> Relative {
        Relative::parse(text).unwrap()
    }

    #[test]
    fn a_path_out_of_the_tree_is_refused() {
        for bad in ["/etc/passwd", "../x", "a/../b", "a//b", ".git/config", "a/.GIT/x", "a\nb", "a\0b"] {
            assert!(Relative::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(relative("./src/a.js").as_str(), "src/a.js");
        assert!(relative("node_modules/a/b.js").writable().is_err());
    }

    #[test]
    fn a_link_is_not_followed_and_a_fifo_does_not_hang() {
        let dir = tempdir();
        std::os::unix::fs::symlink("/etc/hostname", dir.join("link")).unwrap();
        std::os::unix::fs::symlink("/etc", dir.join("up")).unwrap();
        rustix::fs::mknodat(CWD, dir.join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o666), 0).unwrap();
        let tree = Tree::open(&dir).unwrap();
        for bad in ["link", "up/hostname", "pipe"] {
            assert!(tree.read(&relative(bad)).is_err(), "{bad}");
        }
        assert!(tree.write(&relative("link"), b"x").is_err());
        assert!(tree.write(&relative("up/x"), b"x").is_err());
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempdir();
        let tree = Tree::open(&dir).unwrap();
        tree.write(&relative("a/b/c.txt"), b"longer text").unwrap();
        tree.write(&relative("a/b/c.txt"), b"text").unwrap();
        assert_eq!(tree.read_text(&relative("a/b/c.txt")).unwrap(), "text");
        std::fs::remove_dir_all(dir).unwrap();
    }

    fn tempdir() -> PathBuf {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("toolbox-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).unwrap();
        dir
    }
}
