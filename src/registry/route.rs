//! The two shapes of path that the gateway answers.

/// A request that passed: the path is plain and has one of two shapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// `name` or `@scope/name`.
    Listing(String),
    /// `…/name/-/file.tgz`.
    Tarball(String),
}

impl Route {
    /// From a request's path, without the query: npm sends none.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?.replace("%2f", "/").replace("%2F", "/");
        match path.split_once("/-/") {
            None => Self::listing(&path),
            Some((before, file)) => {
                let name = before.split('/').all(is_part);
                let file_ok = file.split('/').all(is_part) && file.split('/').count() <= 2;
                let tgz = std::path::Path::new(file).extension().is_some_and(|end| end == "tgz");
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
