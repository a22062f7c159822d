//! Small repositories to work on.

/// A repository as paths and contents.
pub type Files = Vec<(String, String)>;

macro_rules! files {
    ($dir:literal: $($path:literal),+ $(,)?) => {
        vec![$(($path.to_owned(), include_str!(concat!("../fixtures/", $dir, "/", $path)).to_owned())),+]
    };
}

/// Its one dependency, `marked` 3.0.8, has a major version that breaks it:
/// from 4.0.0 on the function is a named export.
#[must_use]
pub fn breaking() -> Files {
    files!("breaking": ".gitignore", "README.md", "package.json", "package-lock.json", "src/render.js", "test/render.test.js")
}

/// Its one dependency, `ms` 2.0.0, can be bumped to 2.1.3 without an edit.
#[must_use]
pub fn quiet() -> Files {
    files!("quiet": ".gitignore", "package.json", "package-lock.json", "src/age.js", "test/age.test.js")
}

/// The same files with one of them replaced, added, or (with `None`) gone.
#[must_use]
pub fn with(mut files: Files, path: &str, content: Option<&str>) -> Files {
    files.retain(|(known, _)| known != path);
    if let Some(content) = content {
        files.push((path.to_owned(), content.to_owned()));
    }
    files
}
