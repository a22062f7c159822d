//! The GitHub App: is the key its key, may it do what it has to, is it told
//! of what it needs, do webhooks arrive, and do the clocks agree?

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Finding;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::github::{AppNow, GitHub};
use crate::setup::{self, Wanted};

const NEEDED_FOR: &str = "needed for `serve` only: `chaperone setup` makes the App";
/// GitHub takes a token that was made up to a minute too early.
const SKEW: SignedDuration = SignedDuration::from_secs(30);
/// How far back failed deliveries are counted.
const DAY: SignedDuration = SignedDuration::from_hours(24);

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let Some(settings) = &config.github else {
        let missing = Err("the configuration has no [github] section".to_owned());
        return vec![Finding::note("GitHub App", missing, NEEDED_FOR)];
    };
    let secret = config::read_secret(&settings.webhook_secret_file)
        .map(|_secret| "read".to_owned())
        .map_err(|error| format!("{error:#}"));
    let secret = Finding::of(
        "webhook secret",
        secret,
        "write the secret of the App's webhook into github.webhook_secret_file",
    );
    let check = "GitHub App";
    let fix = "check github.app_id and github.url, and download the App's private key again into github.private_key_file";
    let github = match super::super::github(settings) {
        Ok(github) => github,
        Err(error) => return vec![Finding::of(check, Err(format!("{error:#}")), fix), secret],
    };
    let app = match github.app().await {
        Ok(app) => app,
        Err(failure) => {
            return vec![Finding::of(check, Err(failure.to_string()), fix), secret, clock(&github).await];
        }
    };
    let found = format!("{} (App {}) of {} at {}", app.slug, app.id, app.owner, settings.api_url());
    let mut findings = vec![Finding::of(check, Ok(found), ""), secret, clock(&github).await];
    match setup::wanted() {
        Ok(wanted) => findings.extend(rights(&app, &wanted)),
        Err(failure) => findings.push(Finding::of("permissions", Err(failure.to_string()), "")),
    }
    findings.push(installations(&github).await);
    findings.extend(webhook(config, &github).await);
    findings
}

async fn clock(github: &GitHub) -> Finding {
    let result = match github.clock().await {
        Ok(theirs) => agreement(Clock.now(), theirs),
        Err(failure) => Err(failure.to_string()),
    };
    Finding::of("clock", result, "let the machine's clock be set from the network (NTP)")
}

fn agreement(ours: Timestamp, theirs: Timestamp) -> Result<String, String> {
    let apart = ours.duration_since(theirs).abs();
    let said = format!("{} s apart from GitHub's", apart.as_secs());
    if apart > SKEW { Err(said) } else { Ok(said) }
}

fn rank(level: &str) -> u8 {
    match level {
        "read" => 1,
        "write" => 2,
        "admin" => 3,
        _ => 0,
    }
}

/// The permissions that are missing or too low, as "checks: write".
fn lacking(has: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Vec<String> {
    let low = |(name, level): &(&String, &String)| has.get(*name).map_or(0, |has| rank(has)) < rank(level);
    wanted.iter().filter(low).map(|(name, level)| format!("{name}: {level}")).collect()
}

fn rights(app: &AppNow, wanted: &Wanted) -> [Finding; 2] {
    let lacking = lacking(&app.permissions, &wanted.permissions);
    let permissions = match lacking.as_slice() {
        [] => Ok(format!("all {}", wanted.permissions.len())),
        _ => Err(format!("missing: {}", lacking.join(", "))),
    };
    let deaf: Vec<&str> =
        wanted.events.iter().filter(|event| !app.events.contains(event)).map(String::as_str).collect();
    let events = match deaf.as_slice() {
        [] => Ok(format!("all {}", wanted.events.len())),
        _ => Err(format!("not told of: {}", deaf.join(", "))),
    };
    [
        Finding::of(
            "permissions",
            permissions,
            "give them in the App's settings (Permissions & events), then accept them for each installation",
        ),
        Finding::of("events", events, "subscribe to them in the App's settings (Permissions & events)"),
    ]
}

async fn installations(github: &GitHub) -> Finding {
    let result = match github.installations().await {
        Ok(all) if all.is_empty() => Err("none".to_owned()),
        Ok(all) => Ok(all.len().to_string()),
        Err(failure) => Err(failure.to_string()),
    };
    Finding::note("installations", result, "install the App on a repository")
}

async fn webhook(config: &Config, github: &GitHub) -> Vec<Finding> {
    let wanted = format!("{}/webhooks/github", config.public_url);
    let address = match github.hook_config().await {
        Ok(hook) if hook.url == wanted => Ok(wanted.clone()),
        Ok(hook) => Err(format!("GitHub sends to {:?}, the service is at {wanted}", hook.url)),
        Err(failure) => Err(failure.to_string()),
    };
    let fix = "set the webhook's address in the App's settings, or public_url in the configuration";
    let failed = match github.failed_deliveries(Clock.now() - DAY).await {
        Ok(failed) if failed.is_empty() => Ok("none failed within a day".to_owned()),
        Ok(failed) => Err(format!("{} failed within a day", failed.len())),
        Err(failure) => Err(failure.to_string()),
    };
    vec![
        Finding::of("webhook", address, fix),
        Finding::note(
            "reachability",
            reach(&config.public_url).await,
            "start `chaperone serve`, and let the proxy at this address pass /webhooks/github to it",
        ),
        Finding::note("deliveries", failed, "the service asks for them again while it runs"),
    ]
}

/// From here, which is not from GitHub; a refusal here is worth a look.
async fn reach(root: &str) -> Result<String, String> {
    let client = reqwest::Client::builder()
        .user_agent(concat!("chaperone/", env!("CARGO_PKG_VERSION")))
        .timeout(Duration::from_secs(10))
        .build()
        .map_err(|error| error.to_string())?;
    match client.get(format!("{root}/healthz")).send().await {
        Ok(answer) if answer.status().is_success() => Ok(format!("{root} answers from here")),
        Ok(answer) => Err(format!("{root} answers {} from here", answer.status().as_u16())),
        Err(_unreached) => Err(format!("{root} is not reached from here")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, level)| ((*name).to_owned(), (*level).to_owned())).collect()
    }

    #[test]
    fn a_permission_that_is_missing_or_too_low_is_named() {
        let wanted = levels(&[("checks", "write"), ("contents", "write"), ("metadata", "read")]);
        assert!(lacking(&wanted, &wanted).is_empty());
        let has = levels(&[("contents", "read"), ("metadata", "write")]);
        assert_eq!(lacking(&has, &wanted), ["checks: write", "contents: write"]);
    }

    #[test]
    fn a_clock_that_is_half_a_minute_off_is_told() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(agreement(at(100), at(130)).is_ok());
        assert!(agreement(at(100), at(131)).is_err());
        assert!(agreement(at(131), at(100)).is_err());
    }
}
