use std::path::Path;

use serde_json::Value;

use super::*;
use crate::change::Cost;
use crate::outcome::Outcome;

fn read(text: &str) -> Result<RepoConfig, Failure> {
    RepoConfig::read(Some(text.as_bytes()), &known())
}

fn known() -> Known {
    Known {
        changes: Some(vec!["bump".into(), "security".into()]),
        node: Some(vec![18, 20]),
        jdk: Some(vec![17]),
        models: Some(vec!["small".into()]),
    }
}

#[test]
fn what_is_absent_is_as_the_service_has_it() {
    let service = Policy { min_severity: Severity::Medium, ..Policy::default() };
    for (text, expected) in [
        ("", service.clone()),
        ("# nothing\n", service.clone()),
        ("security:\n", service.clone()),
        ("verify:\n  test: make test\n", service.clone()),
        ("security:\n  enabled: false\n", Policy { enabled: false, ..service.clone() }),
        (
            "security:\n  min_severity: high\n  scopes: [runtime]\n",
            Policy { enabled: true, min_severity: Severity::High, scopes: vec![Scope::Runtime] },
        ),
    ] {
        assert_eq!(read(text).unwrap().policy(&service), expected, "{text}");
    }
    let none = RepoConfig::read(None, &known()).unwrap();
    assert_eq!((none.policy(&service), none.lines().len()), (service, 0));
    assert!(none.is_on("bump") && none.cooldown().is_none());
}

#[test]
fn checks_are_declared_in_words() {
    let text = "verify:\n  build: false\n  test: [npm run 'unit tests', \"mocha --grep \\\"a b\\\"\"]\n  lint: npx eslint .\n  timeout_minutes: {test: 20}\n";
    let verify = read(text).unwrap().verify;
    let lines = |commands: &Option<Commands>| -> Option<Vec<String>> {
        Some(commands.as_ref()?.0.iter().map(|words| words.join("|")).collect())
    };
    assert_eq!(lines(&verify.build), Some(vec![]));
    assert_eq!(lines(&verify.typecheck), None);
    assert_eq!(lines(&verify.lint), Some(vec!["npx|eslint|.".to_owned()]));
    assert_eq!(
        lines(&verify.test),
        Some(vec!["npm|run|unit tests".to_owned(), "mocha|--grep|a b".to_owned()])
    );
    let minutes = verify.timeout_minutes;
    assert_eq!((minutes.of("test"), minutes.of("build")), (Some(20), None));
    let all = read("verify:\n  timeout_minutes: 7\n").unwrap().verify.timeout_minutes;
    assert_eq!((all.of("test"), all.of("lint")), (Some(7), Some(7)));
}

#[test]
fn every_section_is_read() {
    let text = "\
changes: {security: false}
paths: {allowed: ['src/**', package.json], protected: ['db/migrations/**']}
runtime: {node: 20, jdk: 17}
pull_request: {draft: true, labels: [dependencies], reviewers: [ann, renovate-x]}
limits: {turns: 4, agent_seconds: 60, attempts: 0, cost_usd: 0.25}
cooldown_hours: 72
triggers: {role: maintain, people: [ann]}
models: {agent: small, judge: small}
";
    let config = read(text).unwrap();
    assert!(config.is_on("bump") && !config.is_on("security"));
    let allowed = globs(config.paths.allowed.as_ref().unwrap()).unwrap();
    assert!(allowed.is_match("src/a/b.js") && allowed.is_match("package.json"));
    assert!(!allowed.is_match("web/package.json") && !allowed.is_match("lib/a.js"));
    assert!(globs(&config.paths.protected).unwrap().is_match("db/migrations/1.sql"));
    assert_eq!((config.runtime.node, config.runtime.jdk), (Some(20), Some(17)));
    assert!(config.pull_request.draft);
    assert_eq!(config.pull_request.labels, ["dependencies"]);
    assert_eq!(config.pull_request.reviewers, ["ann", "renovate-x"]);
    assert_eq!(config.cooldown(), Some(Duration::from_hours(72)));
    assert_eq!(config.triggers, Triggers { role: Some(Role::Maintain), people: Some(vec!["ann".into()]) });
    assert_eq!(config.models, Models { agent: Some("small".into()), judge: Some("small".into()) });
    let limits = Limits { turns: 4, agent_seconds: 60, attempts: 0, cost: Cost(250_000) };
    assert_eq!(config.limits.under(Limits::default()), limits);
    let lines = config.lines();
    for line in
        ["changes.security: off", "limits.cost_usd: $0.25", "triggers.role: maintain", "runtime.node: 20"]
    {
        assert!(lines.iter().any(|known| known == line), "{line} is not in {lines:?}");
    }
}

#[test]
fn a_limit_is_only_ever_lowered() {
    let service = Limits { turns: 5, agent_seconds: 100, attempts: 1, cost: Cost(100_000) };
    let wide = read("limits: {turns: 10, agent_seconds: 300, attempts: 3, cost_usd: 5}\n").unwrap();
    assert_eq!(wide.limits.under(service), service);
    let narrow = read("limits: {turns: 2}\n").unwrap();
    assert_eq!(narrow.limits.under(service), Limits { turns: 2, ..service });
}

#[test]
fn an_invalid_file_is_refused_with_its_lines() {
    for (text, line, says) in [
        ("security:\n  enabled: true\n  severity: high\n", 3, "\"severity\" in `security`"),
        ("security:\n  enabld: true\n", 2, "did you mean `enabled`?"),
        ("security:\n  min_severity: terrible\n", 2, "terrible"),
        ("security:\n  scopes:\n  - runtime\n  - tests\n", 4, "tests"),
        ("security:\n  enabled: yes\n", 2, "true or false"),
        ("security: [\n", 2, "as YAML"),
        ("- a\n", 1, "a list as the file"),
        ("just text\n", 1, "text as the file"),
        ("\n\nsecurty: {}\n", 3, "did you mean `security`?"),
        ("changes: {bump: true}\nchanges: {bump: false}\n", 2, "twice"),
        ("1: x\n", 1, "keys are text"),
        ("verify:\n  tests: npm test\n", 2, "did you mean `test`?"),
        ("verify:\n  build: x\n  test: true\n", 3, "false, a command line"),
        ("verify:\n  test: 'npm test && npm run more'\n", 2, "no shell"),
        ("verify:\n  test: \"node 'open\"\n", 2, "no command line"),
        ("verify:\n  test: []\n", 2, "a list of command lines"),
        ("verify:\n  test:\n  - a\n  - ''\n", 4, "no command line"),
        ("verify:\n  test: npm test $EXTRA\n", 2, "no shell"),
        ("verify:\n  timeout_minutes: 0\n", 2, "1 to 120"),
        ("verify:\n  timeout_minutes: {tests: 5}\n", 2, "tests"),
        ("verify:\n  timeout_minutes: {test: 500}\n", 2, "1 to 120"),
        ("verify:\n  timeout_minutes: soon\n", 2, "1 to 120"),
        ("changes:\n  bump: false\n  tidy: false\n", 3, "the change type \"tidy\""),
        ("paths:\n  protected:\n    - a/**\n    - 'b[/**'\n", 4, "no glob"),
        ("paths:\n  protected: [migrations/]\n", 2, "/**"),
        ("paths:\n  allowed: [/src]\n", 2, "root"),
        ("paths:\n  allowed: []\n", 2, "nothing could be changed"),
        ("paths:\n  allowed: src\n", 2, "a list of globs"),
        ("runtime:\n  node: 16\n", 2, "18, 20"),
        ("runtime:\n  node: '20'\n", 2, "whole number"),
        ("pull_request:\n  labels: ['agent:bump']\n", 2, "agent:"),
        ("pull_request:\n  reviewers:\n  - '@ann'\n", 3, "without @"),
        ("pull_request:\n  reviewers: [ann, Ann]\n", 2, "already"),
        ("limits:\n  turns: 11\n", 2, "1 to 10"),
        ("limits:\n  cost_usd: 0\n", 2, "0.01"),
        ("limits:\n  turns: -1\n", 2, "whole number"),
        ("limits:\n  turns: 1.5\n", 2, "whole number"),
        ("cooldown_hours: long\n", 1, "whole number"),
        ("triggers:\n  role: triage\n", 2, "write, maintain or admin"),
        ("triggers:\n  people: []\n", 2, "nobody"),
        ("models:\n  judge: huge\n", 2, "choose from small"),
    ] {
        let failure = read(text).unwrap_err();
        assert_eq!(failure.outcome(), Outcome::DeclinedPolicy);
        let first = failure.refusals().first().unwrap();
        assert_eq!((first.line, first.path.as_str()), (line, PATH), "{text}: {first:?}");
        assert!(first.reason.contains(says), "{text}: {}", first.reason);
        assert!(failure.public().contains(&format!("line {line}: could not ")), "{}", failure.public());
    }
    assert_eq!(RepoConfig::check(b"a: 1\n\xff", &known()).unwrap_err()[0].line, 2);
    assert!(read(&"#".repeat(CAP + 1)).is_err());
    let none = Known { models: Some(vec![]), ..known() };
    let refusals = RepoConfig::check(b"models: {agent: x}\n", &none).unwrap_err();
    assert!(refusals[0].reason.contains("choose no model"), "{refusals:?}");
}

#[test]
fn all_faults_are_told_at_once_in_their_order() {
    let text = "limits:\n  turns: 99\n  trns: 1\nsecurity:\n  enabled: 1\nnonsense: true\n";
    let failure = read(text).unwrap_err();
    let lines: Vec<u64> = failure.refusals().iter().map(|refusal| refusal.line).collect();
    assert_eq!(lines, [2, 3, 5, 6]);
}

/// What of a schema the tests know: a keyword that is not here fails.
fn fits(schema: &Value, value: &Value, root: &Value) -> bool {
    let Value::Object(rules) = schema else { return schema.as_bool().unwrap() };
    let length = |value: &Value| value.as_str().map(|text| text.chars().count() as u64);
    let count = |value: &Value| value.as_array().map(|list| list.len() as u64);
    rules.iter().all(|(keyword, rule)| match keyword.as_str() {
        "$schema" | "$id" | "title" | "description" | "$defs" | "examples" | "default" => true,
        "$ref" => fits(root.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap(), value, root),
        "type" => {
            let is = |name: &str| match name {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "null" => value.is_null(),
                "integer" => value.is_u64() || value.is_i64(),
                "number" => value.is_number(),
                other => panic!("{other}"),
            };
            match rule {
                Value::Array(any) => any.iter().any(|name| is(name.as_str().unwrap())),
                one => is(one.as_str().unwrap()),
            }
        }
        "properties" => value.as_object().is_none_or(|object| {
            object.iter().all(|(key, value)| rule.get(key).is_none_or(|rule| fits(rule, value, root)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|object| {
            let named = |key: &String| rules.get("properties").is_some_and(|named| named.get(key).is_some());
            object.iter().all(|(key, value)| named(key) || fits(rule, value, root))
        }),
        "enum" => rule.as_array().unwrap().contains(value),
        "const" => rule == value,
        "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
        "minLength" => length(value).is_none_or(|length| length >= rule.as_u64().unwrap()),
        "maxLength" => length(value).is_none_or(|length| length <= rule.as_u64().unwrap()),
        "minItems" => count(value).is_none_or(|count| count >= rule.as_u64().unwrap()),
        "maxItems" => count(value).is_none_or(|count| count <= rule.as_u64().unwrap()),
        "uniqueItems" => value.as_array().is_none_or(|list| {
            rule == false || list.iter().enumerate().all(|(at, entry)| !list[..at].contains(entry))
        }),
        "items" => value.as_array().is_none_or(|list| list.iter().all(|entry| fits(rule, entry, root))),
        "pattern" => {
            let pattern = regex::Regex::new(rule.as_str().unwrap()).unwrap();
            value.as_str().is_none_or(|text| pattern.is_match(text))
        }
        "not" => !fits(rule, value, root),
        "anyOf" => rule.as_array().unwrap().iter().any(|rule| fits(rule, value, root)),
        other => panic!("the tests do not know the keyword {other}"),
    })
}

fn deploy(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file)).unwrap()
}

fn schema() -> Value {
    serde_json::from_str(&deploy("agent.schema.json")).unwrap()
}

/// Files of which every line was chosen to be at an edge.
const EDGES: [&str; 62] = [
    "{}",
    "security:",
    "security: {enabled: true, min_severity: moderate, scopes: []}",
    "security: {min_severity: none}",
    "security: {scopes: [runtime, development]}",
    "security: {scopes: [runtime, development, runtime]}",
    "security: {scopes: runtime}",
    "security: {enabled: 'true'}",
    "security: {on: true}",
    "unknown: 1",
    "[]",
    "text",
    "3",
    "changes: {bump: true, tidy: false}",
    "changes: {bump: 1}",
    "changes: [bump]",
    "changes:",
    "paths: {allowed: ['**'], protected: []}",
    "paths: {allowed: []}",
    "paths: {allowed: ['']}",
    "paths: {protected: [/a]}",
    "paths: {protected: [a/]}",
    "paths: {protected: [a/../b]}",
    "paths: {protected: [./a]}",
    "paths: {protected: [..a, a..b, .github/**]}",
    "paths: {protected: a}",
    "paths: {protect: [a]}",
    "verify: {build: false, typecheck: tsc, lint: [a, b], test: 'x y', timeout_minutes: 120}",
    "verify: {build: true}",
    "verify: {build: []}",
    "verify: {build: }",
    "verify: {build: 3}",
    "verify: {build: [false]}",
    "verify: {timeout_minutes: 121}",
    "verify: {timeout_minutes: {build: 1, test: 120}}",
    "verify: {timeout_minutes: {all: 1}}",
    "verify: {timeout_minutes: {test: 0}}",
    "verify: {timeout_minutes: }",
    "runtime: {node: 20, jdk: 17}",
    "runtime: {node: 0}",
    "runtime: {node: '20'}",
    "runtime: {python: 3}",
    "pull_request: {draft: false, labels: [a b, 'deps: npm'], reviewers: [ann, 'x[bot]', A-b_c]}",
    "pull_request: {labels: ['agent:x']}",
    "pull_request: {labels: ['Agent:x']}",
    "pull_request: {labels: [' a']}",
    "pull_request: {labels: ['a,b']}",
    "pull_request: {reviewers: ['@ann']}",
    "pull_request: {reviewers: [a/b]}",
    "pull_request: {reviewers: [a, a]}",
    "pull_request: {reviewers: [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]}",
    "pull_request: {draft: maybe}",
    "limits: {turns: 10, agent_seconds: 300, attempts: 0, cost_usd: 0.01}",
    "limits: {turns: 0}",
    "limits: {agent_seconds: 301}",
    "limits: {attempts: 4}",
    "limits: {cost_usd: 1001}",
    "limits: {cost_usd: 0.001}",
    "cooldown_hours: 8760",
    "cooldown_hours: 8761",
    "triggers: {role: admin, people: [ann]}\nmodels: {agent: a, judge: b}",
    "triggers: {role: read}",
];

#[test]
fn the_schema_and_the_reader_agree() {
    let (schema, free) = (schema(), Known::default());
    let long = format!("pull_request: {{labels: [{}]}}", "x".repeat(51));
    let globs = format!("paths: {{protected: [{}]}}", "x".repeat(201));
    let name = format!("models: {{judge: {}}}", "x".repeat(201));
    let more =
        ["triggers: {people: []}", "triggers: {people: [a b]}", "models: {agent: ''}", &long, &globs, &name];
    let (mut good, mut bad) = (0, 0);
    for text in EDGES.into_iter().chain(more) {
        let value: Value = serde_yaml_ng::from_str(text).unwrap();
        let (read, fits) = (RepoConfig::check(text.as_bytes(), &free), fits(&schema, &value, &schema));
        assert_eq!(read.is_ok(), fits, "{text}: {read:?}");
        if fits { good += 1 } else { bad += 1 }
    }
    assert!(good >= 14 && bad >= 40, "{good} good, {bad} bad");
    // What only the reader can tell: globs, shell words, keys that are there
    // twice. The schema is never the stricter one.
    for text in ["paths: {protected: ['a[']}", "verify: {test: a && b}", "verify: {test: \"a 'b\"}"] {
        let value: Value = serde_yaml_ng::from_str(text).unwrap();
        assert!(fits(&schema, &value, &schema), "{text}");
        assert!(RepoConfig::check(text.as_bytes(), &free).is_err(), "{text}");
    }
}

#[test]
fn the_schema_has_the_keys_of_the_reader() {
    let schema = schema();
    let keys = |at: &str| -> Vec<String> {
        schema.pointer(at).unwrap().as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys("/properties"), sections::FILE);
    for key in sections::FILE {
        assert!(schema["properties"][key]["description"].is_string(), "{key} is not described");
    }
}

#[test]
fn the_example_sets_everything_and_passes_both() {
    let example = deploy("agent.example.yml");
    let (schema, free) = (schema(), Known::default());
    let value: Value = serde_yaml_ng::from_str(&example).unwrap();
    assert!(fits(&schema, &value, &schema));
    RepoConfig::check(example.as_bytes(), &free).unwrap();
    let set: Vec<&String> = value.as_object().unwrap().keys().collect();
    assert_eq!(set, sections::FILE.iter().collect::<Vec<_>>());
}

/// A source of numbers that is the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

#[test]
fn no_bytes_make_it_panic_and_every_refusal_has_a_line() {
    let mut dice = Dice(7);
    let example = deploy("agent.example.yml");
    let seeds: Vec<&[u8]> = EDGES.iter().map(|edge| edge.as_bytes()).chain([example.as_bytes()]).collect();
    let salt: Vec<&[u8]> = vec![
        b"\n",
        b"  ",
        b":",
        b"- ",
        b"*a",
        b"&a ",
        b"[",
        b"]",
        b"{",
        b"}",
        b"!!int ",
        b"\"",
        b"'",
        b"\xff",
        b"\xe2\x80\xae",
        b"|\n",
        b"? ",
        b"<<: ",
        b"---\n",
        b"\0",
        b"1e999",
        b"~",
        b"..",
        b"**",
    ];
    for _ in 0..4000 {
        let mut bytes = seeds[dice.roll(seeds.len())].to_vec();
        for _ in 0..=dice.roll(4) {
            let at = dice.roll(bytes.len() + 1);
            if dice.roll(3) == 0 {
                bytes.truncate(at);
            } else {
                bytes.splice(at..at, salt[dice.roll(salt.len())].iter().copied());
            }
        }
        assert!(holds_for(&bytes), "{:?}", String::from_utf8_lossy(&bytes));
    }
}

/// The same entries in another order.
fn shuffled(value: &Value, dice: &mut Dice) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            for at in (1..entries.len()).rev() {
                entries.swap(at, dice.roll(at + 1));
            }
            entries.into_iter().map(|(key, value)| (key.clone(), shuffled(value, dice))).collect()
        }
        other => other.clone(),
    }
}

#[test]
fn an_accepted_file_is_accepted_however_it_is_written() {
    let mut dice = Dice(11);
    let (example, free) = (deploy("agent.example.yml"), Known::default());
    let mut written = 0;
    for text in EDGES.into_iter().chain([example.as_str()]) {
        let Ok(config) = RepoConfig::check(text.as_bytes(), &free) else { continue };
        let value: Value = serde_yaml_ng::from_str(text).unwrap();
        for _ in 0..20 {
            let other = shuffled(&value, &mut dice);
            let yaml = serde_yaml_ng::to_string(&other).unwrap();
            let json = serde_json::to_string_pretty(&other).unwrap();
            for again in [yaml, json] {
                let read = RepoConfig::check(again.as_bytes(), &free);
                assert_eq!(read.as_ref(), Ok(&config), "{again}");
                written += 1;
            }
        }
    }
    assert!(written > 500);
}
