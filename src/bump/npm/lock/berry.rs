//! `yarn.lock` of yarn 2 and later, which is YAML.

use serde_json::Value;

use super::yarn::{Entry, link};
use super::{Graph, Importer, Node, Source, Wish, descriptor, edges, version};

pub(super) fn read(lockfile: &str, importers: &[Importer]) -> Result<Graph, String> {
    let lockfile: Value = serde_yaml_ng::from_str(lockfile).map_err(|why| why.to_string())?;
    let lockfile = lockfile.as_object().ok_or("it is not a yarn.lock")?;
    let entries = lockfile.iter().filter(|(key, _)| *key != "__metadata");
    Ok(link(entries.filter_map(|(key, value)| entry(key, value)).collect(), importers, true))
}

fn entry(key: &str, value: &Value) -> Option<Entry> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let (name, origin) = descriptor(text("resolution")?)?;
    if origin.starts_with("workspace:") {
        // The manifest itself is read instead.
        return None;
    }
    let source = if origin.starts_with("npm:") { Source::Registry } else { Source::Elsewhere };
    let mut edges = edges(value, false);
    for edge in &mut edges {
        let meta = value.get("dependenciesMeta").and_then(|meta| meta.get(&edge.name)?.get("optional"));
        if edge.wish == Wish::Prod && meta.and_then(Value::as_bool) == Some(true) {
            edge.wish = Wish::Optional;
        }
    }
    let descriptors = key.split(',').map(|one| one.trim().to_owned()).collect();
    let version = version(text("version")?)?;
    Some(Entry { descriptors, node: Node { name: name.to_owned(), version, source, bundled: false, edges } })
}
