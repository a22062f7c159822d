//! Which JDK a jar needs, read from its class files.
//!
//! A few class files are enough: a jar is compiled at once. Classes that only
//! a newer JDK looks at (`META-INF/versions`, `module-info`) say nothing
//! about the oldest one. A jar that cannot be read says nothing at all.

use std::io::{Cursor, Read as _};

use zip::ZipArchive;

/// A larger jar is not fetched whole only to read a few bytes of it.
pub(super) const JAR_CAP: usize = 64 * 1024 * 1024;
/// Classes that are looked at.
const CLASSES: usize = 8;
/// Entries that are looked through to find them.
const ENTRIES: usize = 20_000;

/// The lowest Java that can load the jar's classes: 8, 11, 17 …
///
/// `Build-Jdk-Spec` is not asked: it names the JDK that ran the build, and
/// most builds compile for an older one.
pub(super) fn needed_java(jar: &[u8]) -> Option<u64> {
    if jar.len() > JAR_CAP {
        return None;
    }
    let mut archive = ZipArchive::new(Cursor::new(jar)).ok()?;
    let names: Vec<String> = archive
        .file_names()
        .take(ENTRIES)
        .filter_map(|name| Some(name.ok()?.into_owned()))
        .filter(|name| is_class(name))
        .take(CLASSES)
        .collect();
    let needed: Vec<u64> = names.iter().filter_map(|name| class_java(&mut archive, name)).collect();
    // A single class may be newer on purpose; the jar as a whole needs what
    // most of its classes need.
    median(needed)
}

fn is_class(name: &str) -> bool {
    name.ends_with(".class") && !name.starts_with("META-INF/") && !name.ends_with("module-info.class")
}

fn class_java(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Option<u64> {
    let mut head = [0_u8; 8];
    archive.by_name(name).ok()?.read_exact(&mut head).ok()?;
    let [0xca, 0xfe, 0xba, 0xbe, _, _, high, low] = head else { return None };
    // Class files count from 45, which was Java 1.1.
    u64::from(u16::from_be_bytes([high, low])).checked_sub(44)
}

fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A zip with stored entries, written by hand: the reader is all that the
    /// service needs of the crate.
    pub(in crate::bump::maven) fn jar(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut directory = Vec::new();
        for (name, content) in entries {
            let offset = u32::try_from(bytes.len()).unwrap();
            let size = u32::try_from(content.len()).unwrap().to_le_bytes();
            let length = u16::try_from(name.len()).unwrap().to_le_bytes();
            let common = [
                &[10, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
                &crc(content).to_le_bytes(),
                &size,
                &size,
                &length,
                &[0, 0],
            ]
            .concat();
            bytes.extend([b"PK\x03\x04", &common[..], name.as_bytes(), content].concat());
            directory.extend(
                [b"PK\x01\x02\x0a\x00", &common[..], &[0; 10], &offset.to_le_bytes(), name.as_bytes()]
                    .concat(),
            );
        }
        let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
        let (start, size) = (u32::try_from(bytes.len()).unwrap(), u32::try_from(directory.len()).unwrap());
        let end =
            [b"PK\x05\x06\0\0\0\0", &count[..], &count, &size.to_le_bytes(), &start.to_le_bytes(), &[0, 0]]
                .concat();
        [bytes, directory, end].concat()
    }

    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
        })
    }

    pub(in crate::bump::maven) fn class(java: u8) -> Vec<u8> {
        vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, java + 44, 0, 0]
    }

    #[test]
    fn the_classes_say_which_java_a_jar_needs() {
        let old = class(8);
        let new = class(17);
        for (entries, java) in [
            (vec![("a/A.class", &old[..])], Some(8)),
            (vec![("a/A.class", &new[..])], Some(17)),
            (vec![("META-INF/versions/17/a/A.class", &new[..]), ("a/A.class", &old[..])], Some(8)),
            (vec![("module-info.class", &new[..]), ("a/A.class", &old[..])], Some(8)),
            (vec![("a/readme.txt", &new[..])], None),
            (vec![("a/A.class", b"nonsense".as_slice())], None),
        ] {
            assert_eq!(needed_java(&jar(&entries)), java, "{entries:?}");
        }
        assert_eq!(needed_java(b"not a zip"), None);
    }
}
