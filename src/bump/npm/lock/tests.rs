use super::*;
use crate::advisory::{Advisory, Severity};
use crate::bump::npm::proof::prove;
use crate::change::Ecosystem;

const MANIFEST: &str = r#"{ "name": "app", "dependencies": { "a": "^1.0.0", "al": "npm:b@^2.0.0", "w": "workspace:*" },
    "devDependencies": { "d": "1.0.0" } }"#;
const WORKSPACE: &str = r#"{ "name": "w", "dependencies": { "b": "^1.0.0" } }"#;

/// The same repository, as every package manager locks it: `a` and the
/// workspace ask for `b` 1, the root has `b` 2 under another name, and `d`
/// has `a` as its peer.
const LOCKFILES: [(&str, Kind, &str); 8] = [
    (
        "npm 1",
        Kind::Npm,
        r#"{ "lockfileVersion": 1, "dependencies": {
        "a": { "version": "1.0.0", "requires": { "b": "^1.0.0" } },
        "al": { "version": "npm:b@2.0.0" }, "b": { "version": "1.1.0" }, "d": { "version": "1.0.0", "dev": true } } }"#,
    ),
    (
        "npm 2",
        Kind::Npm,
        r#"{ "lockfileVersion": 2, "packages": { "": { "name": "app" },
        "node_modules/a": { "version": "1.0.0", "dependencies": { "b": "^1.0.0" } },
        "node_modules/a/node_modules/b": { "version": "1.1.0" },
        "node_modules/al": { "name": "b", "version": "2.0.0" },
        "w/node_modules/b": { "version": "1.1.0" },
        "node_modules/w": { "resolved": "w", "link": true }, "w": { "name": "w", "dependencies": { "b": "^1.0.0" } },
        "node_modules/d": { "version": "1.0.0", "peerDependencies": { "a": "^1.0.0" } } }, "dependencies": {} }"#,
    ),
    (
        "npm 3",
        Kind::Npm,
        r#"{ "lockfileVersion": 3, "packages": { "": { "name": "app" },
        "node_modules/a": { "version": "1.0.0", "dependencies": { "b": "^1.0.0" } },
        "node_modules/b": { "version": "1.1.0" }, "node_modules/al": { "name": "b", "version": "2.0.0" },
        "node_modules/w": { "resolved": "w", "link": true }, "w": {},
        "node_modules/d": { "version": "1.0.0", "peerDependencies": { "a": "^1.0.0" } } } }"#,
    ),
    (
        "yarn 1",
        Kind::YarnClassic,
        "# yarn lockfile v1\n\n\na@^1.0.0:\n  version \"1.0.0\"\n  dependencies:\n    b \"^1.0.0\"\n\n\"al@npm:b@^2.0.0\":\n  version \"2.0.0\"\n\nb@^1.0.0, b@~1.1.0:\n  version \"1.1.0\"\n\nd@1.0.0:\n  version \"1.0.0\"\n",
    ),
    (
        "yarn 4",
        Kind::YarnBerry,
        "__metadata:\n  version: 8\n\n\"a@npm:^1.0.0\":\n  version: 1.0.0\n  resolution: \"a@npm:1.0.0\"\n  dependencies:\n    b: \"npm:^1.0.0\"\n\n\"al@npm:b@^2.0.0\":\n  version: 2.0.0\n  resolution: \"b@npm:2.0.0\"\n\n\"b@npm:^1.0.0, b@npm:~1.1.0\":\n  version: 1.1.0\n  resolution: \"b@npm:1.1.0\"\n\n\"d@npm:1.0.0\":\n  version: 1.0.0\n  resolution: \"d@npm:1.0.0\"\n  peerDependencies:\n    a: ^1.0.0\n\n\"w@workspace:*, w@workspace:w\":\n  version: 0.0.0-use.local\n  resolution: \"w@workspace:w\"\n",
    ),
    (
        "pnpm 5.4",
        Kind::Pnpm,
        "lockfileVersion: 5.4\nimporters:\n  .:\n    specifiers: {a: ^1.0.0}\n    dependencies:\n      a: 1.0.0\n      al: /b/2.0.0\n      w: link:w\n    devDependencies:\n      d: 1.0.0_a@1.0.0\n  w:\n    dependencies:\n      b: 1.1.0\npackages:\n  /a/1.0.0:\n    dependencies:\n      b: 1.1.0\n  /b/1.1.0: {}\n  /b/2.0.0: {}\n  /d/1.0.0_a@1.0.0:\n    peerDependencies:\n      a: ^1.0.0\n    dependencies:\n      a: 1.0.0\n",
    ),
    (
        "pnpm 6",
        Kind::Pnpm,
        "lockfileVersion: '6.0'\nimporters:\n  .:\n    dependencies:\n      a: {specifier: ^1.0.0, version: 1.0.0}\n      al: {specifier: 'npm:b@^2.0.0', version: /b@2.0.0}\n      w: {specifier: 'workspace:*', version: 'link:w'}\n    devDependencies:\n      d: {specifier: 1.0.0, version: 1.0.0(a@1.0.0)}\n  w:\n    dependencies:\n      b: {specifier: ^1.0.0, version: 1.1.0}\npackages:\n  /a@1.0.0:\n    dependencies:\n      b: 1.1.0\n  /b@1.1.0: {}\n  /b@2.0.0: {}\n  /d@1.0.0(a@1.0.0):\n    peerDependencies:\n      a: ^1.0.0\n    dependencies:\n      a: 1.0.0\n",
    ),
    (
        "pnpm 9",
        Kind::Pnpm,
        "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      a: {specifier: ^1.0.0, version: 1.0.0}\n      al: {specifier: 'npm:b@^2.0.0', version: 'b@2.0.0'}\n      w: {specifier: 'workspace:*', version: 'link:w'}\n    devDependencies:\n      d: {specifier: 1.0.0, version: 1.0.0(a@1.0.0)}\n  w:\n    dependencies:\n      b: {specifier: ^1.0.0, version: 1.1.0}\npackages:\n  a@1.0.0: {}\n  b@1.1.0: {}\n  b@2.0.0: {}\n  d@1.0.0:\n    peerDependencies:\n      a: ^1.0.0\nsnapshots:\n  a@1.0.0:\n    dependencies:\n      b: 1.1.0\n  b@1.1.0: {}\n  b@2.0.0: {}\n  d@1.0.0(a@1.0.0):\n    dependencies:\n      a: 1.0.0\n",
    ),
];

fn files() -> Texts {
    Texts::from([("package.json".into(), MANIFEST.into()), ("w/package.json".into(), WORKSPACE.into())])
}

#[test]
fn every_format_gives_the_same_graph() {
    for (name, kind, text) in LOCKFILES {
        let graph = Graph::read(text, "lock", kind, &files()).unwrap();
        let copies: BTreeSet<String> = ["a", "b", "d"]
            .iter()
            .flat_map(|n| graph.copies(n))
            .map(|(_, n)| format!("{} {}", n.name, n.version))
            .collect();
        let expected = ["a 1.0.0", "b 1.1.0", "b 2.0.0", "d 1.0.0"].map(str::to_owned);
        assert_eq!(copies, BTreeSet::from(expected), "{name}");
        let low: Vec<usize> =
            graph.copies("b").filter(|(_, node)| node.version.major == 1).map(|(index, _)| index).collect();
        let askers: BTreeSet<&str> = graph
            .dependents(&low)
            .iter()
            .map(|(parent, _)| graph.node(*parent).unwrap().name.as_str())
            .collect();
        assert_eq!(askers, BTreeSet::from(["a", "w"]), "{name}");
        let high = graph.copies("b").find(|(_, node)| node.version.major == 2).unwrap().0;
        assert_eq!(graph.paths()[&high], "app > b", "{name}");
        assert!(graph.dependents(&[high]).iter().all(|(_, edge)| edge.name == "al"), "{name}");
        let peer = graph.copies("d").next().unwrap().1.edges.iter().find(|edge| edge.wish == Wish::Peer);
        assert_eq!(
            peer.and_then(|peer| peer.range.as_deref()),
            graph.knows_peers.then_some("^1.0.0").filter(|_| kind != Kind::YarnClassic),
            "{name}"
        );
    }
}

#[test]
fn the_proof_lists_every_copy_with_its_shortest_way_in() {
    let advisory = Advisory {
        alert: None,
        ghsa: String::new(),
        ecosystem: Ecosystem::Npm,
        package: "b".into(),
        manifest: String::new(),
        scope: None,
        severity: Severity::Low,
        summary: String::new(),
        vulnerable: vec!["< 1.2.0".into()],
        patched: vec![],
    };
    for (name, kind, text) in LOCKFILES {
        let proof = prove(text, "lock", kind, &files(), std::slice::from_ref(&advisory)).unwrap();
        assert!(!proof.holds(), "{name}");
        let said: BTreeSet<(&str, bool)> =
            proof.copies.iter().map(|copy| (copy.version.as_str(), copy.vulnerable)).collect();
        assert_eq!(said, BTreeSet::from([("1.1.0", true), ("2.0.0", false)]), "{name}");
        let low = proof.copies.iter().find(|copy| copy.vulnerable).unwrap();
        assert!(["app > a > b", "w > b"].contains(&low.path.as_str()), "{name}: {}", low.path);
        let safe = Advisory { vulnerable: vec!["< 1.1.0".into()], ..advisory.clone() };
        assert!(prove(text, "lock", kind, &files(), &[safe]).unwrap().holds(), "{name}");
    }
}

#[test]
fn hostile_lockfiles_are_refused_or_read_as_far_as_they_go() {
    let deep = format!(
        "{{\"dependencies\":{}1{}}}",
        "{\"a\":{\"version\":\"1.0.0\",\"dependencies\":".repeat(60),
        "}}".repeat(60)
    );
    let long =
        format!("{{\"packages\":{{\"{}\":{{\"version\":\"1.0.0\"}}}}}}", "node_modules/a/".repeat(100_000));
    for text in [
        "",
        "{",
        "[]",
        "null",
        "{\"packages\":7}",
        "{\"packages\":{\"node_modules/\":{},\"\":7,\"x/node_modules/y\":[]}}",
        "{\"packages\":{\"node_modules/a\":{\"link\":true,\"resolved\":\"node_modules/a\"}}}",
        "{\"dependencies\":{\"a\":7,\"\":{\"version\":\"\"}}}",
        "@",
        "@:\n @",
        "a:\n  version",
        "\"",
        "a@:\n  version \"1.0.0\"",
        "__metadata: 1\n\"@\": {resolution: \"@\"}",
        "lockfileVersion: 9\nsnapshots: {\"(\": 1, \"@@\": {}, \"é@1\": {}}",
        "lockfileVersion: 5\nimporters: 7",
        "&a [*a]",
        &deep,
        &long,
    ] {
        for kind in [Kind::Npm, Kind::YarnClassic, Kind::YarnBerry, Kind::Pnpm] {
            if let Ok(graph) = Graph::read(text, "lock", kind, &files()) {
                drop(graph.paths());
            }
        }
    }
    let huge = " ".repeat(TEXT_CAP + 1);
    assert!(Graph::read(&huge, "lock", Kind::Npm, &files()).unwrap_err().contains("larger than 48 MiB"));
}

#[test]
fn a_lockfile_below_the_root_reads_the_manifests_beside_it() {
    let files = Texts::from([
        ("package.json".into(), "{}".into()),
        ("web/package.json".into(), r#"{ "dependencies": { "a": "1.0.0" } }"#.into()),
    ]);
    let text = r#"{ "packages": { "node_modules/a": { "version": "1.0.0" } } }"#;
    let graph = Graph::read(text, "web/package-lock.json", Kind::Npm, &files).unwrap();
    assert_eq!(graph.importers().map(|(_, dir, _)| dir).collect::<Vec<_>>(), [""]);
    assert_eq!(
        graph.paths().values().map(String::as_str).collect::<Vec<_>>(),
        ["this repository", "this repository > a"]
    );
}
