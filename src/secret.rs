//! Values that must not be printed, and the two kinds of GitHub token.
//!
//! Reading and writing are different types, so that a function that takes a
//! [`ReadToken`] cannot push. Only `publish` asks for a [`WriteToken`].

use std::fmt;

use serde::Deserialize;

/// Text that shows as `[secret]` in every log and debug print.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// An installation token that can read one repository.
#[derive(Debug, Clone)]
pub struct ReadToken(pub Secret);

/// An installation token that can push to one repository and open pull
/// requests there. Minted for `publish`, and for nothing else.
#[derive(Debug, Clone)]
pub struct WriteToken(pub Secret);
