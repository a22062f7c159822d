//! What a log asks for is done only as far as the repository bears it out.

use super::tests::{Central, dependencies, files, pom};
use super::*;

fn log(name: &str, version: &str) -> String {
    format!(
        "Require upper bound dependencies error for {name}:1 paths to dependency are:\n+-e:app:1\n  +-{name}:{version}\n]\n\
         Failed to execute goal org.apache.maven.plugins:maven-enforcer-plugin:3.5.0:enforce (x) on project app: y\n"
    )
}

async fn moved(central: &Central, log: &str) -> Vec<(String, String, String)> {
    let files = files(&[("pom.xml", pom("e:app:1", &dependencies(&["g:top:1", "g:declared:3"])))]);
    let runtime = Runtime::Jdk { major: 17, release: None };
    let question = Question { files: &files, bumps: &[], advisories: &[], runtime: &runtime };
    let found = first_move(&question, central, log).await.unwrap();
    let Some((Move::Pin { pins, .. }, moved)) = found else { return Vec::new() };
    assert_eq!(pins.len(), moved.len());
    moved.into_iter().map(|moved| (moved.package, moved.from, moved.to)).collect()
}

#[tokio::test]
async fn a_pin_is_of_what_is_in_the_tree_and_published_and_never_goes_back() {
    let central = Central::all(&["g:deep:1", "g:deep:2", "g:declared:3", "g:declared:2", "g:stranger:2"])
        .with("g:top:1", &dependencies(&["g:deep:1"]));
    let found = vec![("g:deep".to_owned(), "1".to_owned(), "2".to_owned())];
    assert_eq!(moved(&central, &log("g:deep", "2")).await, found);
    for (name, version) in
        [("g:deep", "9"), ("g:stranger", "2"), ("g:declared", "2"), ("g:..", "2"), ("g:nowhere", "1")]
    {
        assert_eq!(moved(&central, &log(name, version)).await, [], "{name} {version}");
    }
    let both = format!("{}{}", log("g:stranger", "2"), log("g:deep", "2"));
    assert_eq!(moved(&central, &both).await, found);
}
