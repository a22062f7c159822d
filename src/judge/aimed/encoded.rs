//! Text that a line holds in another form: base64, hex, escapes.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use regex::{Captures, Regex};

use super::fold::rule;

static BASE64: LazyLock<Regex> = LazyLock::new(|| rule("[A-Za-z0-9+/_-]{24,}"));
static HEX: LazyLock<Regex> = LazyLock::new(|| rule("(?:[0-9a-fA-F]{2}[ ,:]?){20,}"));
static ESCAPE: LazyLock<Regex> = LazyLock::new(|| {
    rule(
        r"\\x([0-9a-fA-F]{2})|\\u\{?([0-9a-fA-F]{4,6})\}?|%([0-9a-fA-F]{2})|&#[xX]([0-9a-fA-F]{1,6});|&#([0-9]{1,7});",
    )
});

/// All texts that can be read out of a line; most lines hold none.
pub(super) fn decoded(line: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for found in BASE64.find_iter(line) {
        let digits = found.as_str();
        let bytes = STANDARD_NO_PAD.decode(digits).or_else(|_other| URL_SAFE_NO_PAD.decode(digits));
        texts.extend(bytes.ok().and_then(readable));
    }
    for found in HEX.find_iter(line) {
        let digits: String = found.as_str().chars().filter(char::is_ascii_hexdigit).collect();
        texts.extend(hex::decode(digits).ok().and_then(readable));
    }
    if ESCAPE.is_match(line) {
        texts.push(ESCAPE.replace_all(line, unescaped).into_owned());
    }
    texts
}

fn unescaped(found: &Captures<'_>) -> String {
    let number = |group: usize, radix| u32::from_str_radix(found.get(group)?.as_str(), radix).ok();
    let code = (1..=4).find_map(|group| number(group, 16)).or_else(|| number(5, 10));
    code.and_then(char::from_u32).map_or_else(String::new, String::from)
}

/// Bytes that are text: hashes and pictures are not.
fn readable(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok()?;
    let plain = text.chars().filter(|c| c.is_alphanumeric() || c.is_whitespace()).count();
    let is_text = text.chars().all(|c| !c.is_control() || c.is_whitespace());
    (is_text && plain * 10 >= text.chars().count() * 8).then_some(text)
}
