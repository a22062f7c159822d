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

/// Its one dependency, `cookie-parser` 1.4.6, pulls in `cookie` 0.4.1, which
/// has an advisory; 1.4.7 pulls in one without.
#[must_use]
pub fn alert() -> Files {
    files!("../../cases/demo/npm-alert/repo": ".gitignore", "package.json", "package-lock.json", "src/visit.js", "test/visit.test.js")
}

/// Two Maven modules whose parent manages `jsoup` 1.14.3; from 1.15.1 on a
/// class that both use is gone.
#[must_use]
pub fn modules() -> Files {
    files!("../../cases/demo/maven-modules/repo":
        ".gitignore", "pom.xml", "comments/pom.xml", "site/pom.xml",
        "comments/src/main/java/com/example/comments/Comment.java",
        "comments/src/test/java/com/example/comments/CommentTest.java",
        "site/src/main/java/com/example/site/Page.java",
        "site/src/test/java/com/example/site/PageTest.java")
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
