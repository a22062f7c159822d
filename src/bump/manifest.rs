//! `package.json`, edited in place: every byte but the range stays.

use serde::Deserializer;
use serde::de::{Deserialize, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Where direct dependencies are declared. Peers are a promise to others and
/// are not bumped.
const SECTIONS: [&str; 3] = ["dependencies", "devDependencies", "optionalDependencies"];

/// A manifest whose text is kept as it is.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    text: String,
    entries: Vec<Entry>,
}

/// One declaration: package, range, and the range's place with its quotes.
#[derive(Debug, Clone)]
struct Entry {
    package: String,
    range: String,
    start: usize,
    end: usize,
}

impl Manifest {
    /// # Errors
    /// Why the text is not a manifest, for a person.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text =
            String::from_utf8(bytes.to_vec()).map_err(|_not_utf8| "it is not UTF-8 text".to_owned())?;
        // Some editors put a mark in front, which npm accepts.
        let json = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let root: Object<'_> =
            serde_json::from_str(json).map_err(|error| format!("it is not valid JSON: {error}"))?;
        let mut entries: Vec<Entry> = Vec::new();
        for section in SECTIONS {
            let Some(raw) = root.get(section)? else { continue };
            let object: Object<'_> = serde_json::from_str(raw.get())
                .map_err(|error| format!("{section} is not an object: {error}"))?;
            for (package, value) in &object.0 {
                if entries.iter().any(|entry| entry.package == *package) {
                    return Err(format!("{package} is declared more than once"));
                }
                let range: String = serde_json::from_str(value.get())
                    .map_err(|_not_text| format!("the range of {package} is not text"))?;
                let (start, end) = place(&text, value.get()).ok_or("its text moved while it was read")?;
                entries.push(Entry { package: package.clone(), range, start, end });
            }
        }
        Ok(Self { text, entries })
    }

    fn entry(&self, package: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.package == package)
    }

    pub(super) fn range(&self, package: &str) -> Option<&str> {
        self.entry(package).map(|entry| entry.range.as_str())
    }

    /// The manifest with another range for `package`.
    pub(super) fn with_range(&self, package: &str, range: &str) -> Option<Vec<u8>> {
        let entry = self.entry(package)?;
        let (before, after) = (self.text.get(..entry.start)?, self.text.get(entry.end..)?);
        let range = serde_json::to_string(range).ok()?;
        Some(format!("{before}{range}{after}").into_bytes())
    }
}

/// Where `part`, a piece of `whole`, lies in it.
fn place(whole: &str, part: &str) -> Option<(usize, usize)> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let end = start.checked_add(part.len())?;
    (whole.get(start..end)? == part).then_some((start, end))
}

/// An object's members in their order, with their text.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Object<'a> {
    /// npm takes the last of several members; people see the first.
    fn get(&self, name: &str) -> Result<Option<&'a RawValue>, String> {
        let mut found = self.0.iter().filter(|(member, _)| member == name);
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(format!("{name} is there more than once")),
            (found, _) => Ok(found.map(|(_, value)| *value)),
        }
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_byte_stays() {
        let text = "\u{feff}{\r\n\t\"name\" : \"x\",\r\n\t\"devDependencies\": { \"a\":\"1\\u002e0.0\" , \"b\": \"^1.0.0\" }\r\n,\"x\":1e2}\r\n\r\n";
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!(manifest.range("a"), Some("1.0.0"));
        let edited = String::from_utf8(manifest.with_range("b", "^2.0.0").unwrap()).unwrap();
        assert_eq!(edited, text.replace("\"^1.0.0\"", "\"^2.0.0\""));
        let edited = String::from_utf8(manifest.with_range("a", "2.0.0").unwrap()).unwrap();
        assert_eq!(edited, text.replace("\"1\\u002e0.0\"", "\"2.0.0\""));
    }

    #[test]
    fn the_same_text_elsewhere_is_not_touched() {
        let text = r#"{"description":"\"a\": \"^1.0.0\"","a":"^1.0.0","dependencies":{"a":"^1.0.0"},"overrides":{"a":"^1.0.0"}}"#;
        let edited = Manifest::parse(text.as_bytes()).unwrap().with_range("a", "^2.0.0").unwrap();
        let expected = text.replace(r#""dependencies":{"a":"^1.0.0"}"#, r#""dependencies":{"a":"^2.0.0"}"#);
        assert_eq!(String::from_utf8(edited).unwrap(), expected);
    }

    #[test]
    fn what_is_ambiguous_or_broken_is_refused() {
        for bad in [
            "",
            "[]",
            "{",
            "{\"dependencies\":[]}",
            "{\"dependencies\":{\"a\":1}}",
            "{\"dependencies\":{\"a\":\"1\"},\"dependencies\":{\"a\":\"2\"}}",
            "{\"dependencies\":{\"a\":\"1\",\"a\":\"2\"}}",
            "{\"dependencies\":{\"a\":\"1\"},\"devDependencies\":{\"a\":\"2\"}}",
        ] {
            assert!(Manifest::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
