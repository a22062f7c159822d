//! `chaperone setup` and `chaperone doctor`, as a person uses them: the page,
//! GitHub's own page after it, and the findings.

use std::process::{Output, Stdio};
use std::time::Duration;

use reqwest::redirect::Policy;
use serde_json::Value;
use standin::fixtures;
use standin::github::GitHub;
use standin::model::{KEY, Model, Script};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::world::{World, chaperone, registries, toolbox};

fn browser() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(Policy::none())
        .timeout(Duration::from_secs(20))
        .no_proxy()
        .build()
        .unwrap()
}

/// What stands in a page between two pieces of it.
fn between<'p>(page: &'p str, before: &str, after: &str) -> &'p str {
    page.split_once(before)
        .and_then(|(_, rest)| rest.split_once(after))
        .unwrap_or_else(|| panic!("{before}: {page}"))
        .0
}

/// Posts a form, as a browser does.
async fn post(address: &str, fields: &[(&str, &str)]) -> reqwest::Response {
    let escaped = |text: &str| -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric();
        text.bytes()
            .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect()
    };
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    let form = "application/x-www-form-urlencoded";
    browser().post(address).header("content-type", form).body(fields.join("&")).send().await.unwrap()
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
}

/// The address that the console printed, and the console: what it prints
/// later has room in the pipe.
async fn printed_link(child: &mut Child) -> (String, Lines<BufReader<ChildStdout>>) {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some(link) = line.trim().strip_prefix("http://127.0.0.1") {
            return (format!("http://127.0.0.1{link}"), lines);
        }
    }
    panic!("no address was printed")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_makes_the_app_and_its_credentials_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let github = GitHub::start(dir.path().join("github")).await.unwrap();
    let model = Model::start(Script::default()).await.unwrap();
    let out = dir.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let key = out.join("model.key");
    std::fs::write(&key, KEY).unwrap();
    let config = format!(
        "data_dir = {:?}\npublic_url = \"http://agent.test\"\n{}[model]\nbase_url = {:?}\napi_key_file = {key:?}\n",
        dir.path().join("data"),
        registries().await,
        model.url(),
    );
    std::fs::write(out.join("chaperone.toml"), config).unwrap();
    let mut child = Command::new(chaperone())
        .args([
            "setup",
            "--listen",
            "127.0.0.1:0",
            "--name",
            "agent",
            "--address",
            "http://agent.test",
            "--url",
        ])
        .arg(github.web_url())
        .arg("--out")
        .arg(&out)
        .env("CHAPERONE_TOOLBOX", toolbox())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (link, console) = printed_link(&mut child).await;
    let (page, token) = link.split_once("/setup?token=").unwrap();
    let form = browser().get(&link).send().await.unwrap().text().await.unwrap();
    assert!(form.contains("value=\"agent\""), "{form}");

    let filled =
        [("token", token), ("name", "agent"), ("organization", "octo"), ("address", "http://agent.test")];
    let answer = post(&format!("{page}/setup"), &filled).await;
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let confirm = answer.text().await.unwrap();
    let action = unescaped(between(&confirm, "method=\"post\" action=\"", "\""));
    assert!(action.contains("/organizations/octo/settings/apps/new?state="), "{action}");
    let manifest = unescaped(between(&confirm, "name=\"manifest\" value=\"", "\""));

    let made = post(&action, &[("manifest", &manifest)]).await;
    assert_eq!(made.status().as_u16(), 302, "{}", made.text().await.unwrap());
    let back = made.headers()["location"].to_str().unwrap().to_owned();
    // Another browser has no cookie.
    let stranger = browser().get(back.replace("state=", "state=0")).send().await.unwrap();
    assert_eq!(stranger.status().as_u16(), 403);
    let last = browser().get(&back).header("cookie", cookie).send().await.unwrap();
    assert_eq!(last.status().as_u16(), 200);
    assert!(last.text().await.unwrap().contains("/installations/new"));

    tokio::time::timeout(Duration::from_secs(60), child.wait()).await.unwrap().unwrap();
    drop(console);
    let pem = std::fs::read_to_string(out.join("app.pem")).unwrap();
    assert_eq!(pem.trim(), github.private_key().trim());
    let config = std::fs::read_to_string(out.join("chaperone.toml")).unwrap();
    assert!(config.contains("[github]") && config.contains(&github.web_url()), "{config}");
}

async fn doctor(world: &World) -> (Output, Value) {
    let output = Command::new(chaperone())
        .args(["doctor", "--json", "--config"])
        .arg(world.service().config())
        .output()
        .await
        .unwrap();
    let findings = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output, findings)
}

fn finding<'f>(findings: &'f Value, check: &str) -> &'f Value {
    let found = findings.as_array().unwrap().iter().find(|finding| finding["check"] == check);
    found.unwrap_or_else(|| panic!("{check}: {findings:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_a_whole_installation_well_and_names_what_is_missing() {
    let world = World::start(&fixtures::quiet(), Script::default()).await;
    let (output, findings) = doctor(&world).await;
    assert!(output.status.success(), "{findings:#}\n{}", String::from_utf8_lossy(&output.stderr));
    for check in [
        "data directory",
        "disk",
        "tool server",
        "container engine",
        "container runtime",
        "image",
        "npm registry",
        "Maven repository",
        "model",
        "GitHub App",
        "webhook secret",
        "permissions",
        "events",
        "installations",
        "webhook",
        "reachability",
        "deliveries",
        "clock",
    ] {
        assert_eq!(finding(&findings, check)["ok"], true, "{check}: {findings:#}");
    }

    world.github.grant("checks", "read");
    let (output, findings) = doctor(&world).await;
    assert_eq!(output.status.code(), Some(1));
    let permissions = finding(&findings, "permissions");
    assert!(permissions["found"].as_str().unwrap().contains("checks: write"), "{permissions}");
    assert!(permissions["fix"].as_str().unwrap().contains("accept"), "{permissions}");
    world.finish().await;
}
