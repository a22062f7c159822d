//! `.mvn/wrapper/maven-wrapper.properties`: the Maven that `./mvnw` fetches,
//! and the wrapper itself.
//!
//! Refuses to move a version whose archive is pinned by a checksum: the sum
//! of the new archive cannot be known here, and a stale one breaks every build.

use std::ops::Range;

use super::super::Refused;

/// The archives that a wrapper fetches: group, artifact, the key that holds
/// the address, the key of its checksum.
const ARCHIVES: [(&str, &str, &str, &str); 2] = [
    ("org.apache.maven", "apache-maven", "distributionUrl", "distributionSha256Sum"),
    ("org.apache.maven.wrapper", "maven-wrapper", "wrapperUrl", "wrapperSha256Sum"),
];

/// A version that stands in a wrapper's properties, at every place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) group: &'static str,
    pub(super) artifact: &'static str,
    pub(super) version: String,
    pub(super) spans: Vec<Range<usize>>,
    /// The key of the checksum that belongs to it, if there is one.
    checksum: Option<&'static str>,
}

/// Whether a file is a wrapper's properties.
pub(super) fn is_wrapper(path: &str) -> bool {
    path.rsplit('/').next() == Some("maven-wrapper.properties")
}

/// What the wrapper fetches.
pub(super) fn read(text: &str) -> Vec<Fetched> {
    let entries = entries(text);
    let value = |wanted: &str| entries.iter().find(|(key, _)| *key == wanted).map(|(_, span)| span.clone());
    let mut all = vec![];
    for (group, artifact, key, sum) in ARCHIVES {
        let mut spans = value(key).map(|span| versions_in(text, span, artifact)).unwrap_or_default();
        if artifact == "maven-wrapper" {
            spans.extend(value("wrapperVersion"));
        }
        let Some(version) = spans.first().and_then(|span| text.get(span.clone())).map(str::to_owned) else {
            continue;
        };
        spans.retain(|span| text.get(span.clone()) == Some(version.as_str()));
        let checksum = value(sum).filter(|span| !span.is_empty()).map(|_| sum);
        all.push(Fetched { group, artifact, version, spans, checksum });
    }
    all
}

impl Fetched {
    /// # Errors
    /// A checksum pins the archive of the version in place.
    pub(super) fn check_unpinned(&self, path: &str) -> Result<(), Refused> {
        match self.checksum {
            Some(key) => Err(Refused(format!(
                "edit {} in {path}: {key} pins the archive of {}, and the sum of another one is not known",
                self.artifact, self.version
            ))),
            None => Ok(()),
        }
    }
}

/// Keys, and where their values are, of a file of Java properties.
fn entries(text: &str) -> Vec<(&str, Range<usize>)> {
    let mut entries = vec![];
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        if let Some((key, value)) = bare.split_once(['=', ':']).filter(|_| !bare.starts_with(['#', '!'])) {
            let value = value.trim_start();
            let end = start + line.trim_end().len();
            entries.push((key.trim_end(), end - value.len()..end));
        }
        start += line.len();
    }
    entries
}

/// The versions of an artifact in an address such as
/// `…/apache-maven/3.9.6/apache-maven-3.9.6-bin.zip`.
fn versions_in(text: &str, span: Range<usize>, artifact: &str) -> Vec<Range<usize>> {
    let address = text.get(span.clone()).unwrap_or_default();
    let folder = format!("/{artifact}/");
    let Some(at) = address.find(&folder).map(|at| at + folder.len()) else { return vec![] };
    let Some(version) = address.get(at..).and_then(|rest| rest.split('/').next()) else { return vec![] };
    let file = format!("/{artifact}-{version}");
    let mut spans = Vec::with_capacity(3);
    spans.push(span.start + at..span.start + at + version.len());
    if let Some(name) = address.get(at..).and_then(|rest| rest.find(&file)) {
        let end = span.start + at + name + file.len();
        spans.push(end - version.len()..end);
    }
    spans.retain(|_| !version.is_empty());
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_fetched_version_is_found() {
        let text = "# distributionUrl=x\nwrapperVersion=3.3.2\r\ndistributionType = only-script\r\n\
            distributionUrl=https\\://r/org/apache/maven/apache-maven/3.9.6/apache-maven-3.9.6-bin.zip\r\n\
            wrapperUrl=https://r/maven-wrapper/3.3.2/maven-wrapper-3.3.2.jar\nwrapperSha256Sum=ab\n";
        let fetched = read(text);
        let seen: Vec<_> = fetched
            .iter()
            .map(|one| {
                assert!(one.spans.iter().all(|span| text.get(span.clone()) == Some(one.version.as_str())));
                (one.artifact, one.version.as_str(), one.spans.len(), one.checksum)
            })
            .collect();
        let wanted =
            [("apache-maven", "3.9.6", 2, None), ("maven-wrapper", "3.3.2", 3, Some("wrapperSha256Sum"))];
        assert_eq!(seen, wanted);
        for nothing in
            ["", "distributionUrl=", "distributionUrl=https://x/y.zip", "distributionUrl", "=\n=", "é"]
        {
            assert_eq!(read(nothing), vec![], "{nothing}");
        }
    }
}
