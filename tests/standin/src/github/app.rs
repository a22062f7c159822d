//! What an App asks about itself, its tokens, and how it is created.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::api::{Answer, Call, not_found, refused};
use super::state::{Installed, Token, now};
use super::{APP_ID, GitHub, INSTALLATION, delivery};

/// The App's short name.
const SLUG: &str = "chaperone";

fn undecoded() -> Answer {
    (401, json!({ "message": "A JSON web token could not be decoded", "status": "401" }))
}

/// Routes below `/app`, for the App's own key. `None` for one that is not
/// known.
pub(super) fn answer(github: &GitHub, call: &Call<'_>, rest: &[&str]) -> Option<Answer> {
    if !github.0.key.accepts(call.bearer) {
        return Some(undecoded());
    }
    match (call.method, rest) {
        ("GET", []) => Some((200, app_json(github))),
        ("GET", ["installations"]) => {
            let removed = github.state().installed == Installed::Removed;
            let all = if removed { Vec::new() } else { vec![github.installation_json()] };
            Some((200, Value::Array(all)))
        }
        ("GET", ["installations", id]) => {
            let known = *id == INSTALLATION.to_string() && github.state().installed != Installed::Removed;
            Some(if known { (200, github.installation_json()) } else { not_found() })
        }
        ("GET", ["hook", "config"]) => Some((200, hook_json(github))),
        ("PATCH", ["hook", "config"]) => {
            let mut state = github.state();
            for (key, place) in [("url", 0), ("secret", 1)] {
                let text = call.text(key);
                if !text.is_empty() {
                    *(if place == 0 { &mut state.hook.0 } else { &mut state.hook.1 }) = text;
                }
            }
            drop(state);
            Some((200, hook_json(github)))
        }
        ("GET", ["hook", "deliveries", id]) => Some(delivery::one(github, id)),
        ("POST", ["hook", "deliveries", id, "attempts"]) => Some(delivery::again(github, id)),
        _ => None,
    }
}

fn hook_json(github: &GitHub) -> Value {
    json!({ "content_type": "json", "insecure_ssl": "0", "secret": "********", "url": github.state().hook.0 })
}

fn app_json(github: &GitHub) -> Value {
    let (permissions, events) = {
        let state = github.state();
        (state.permissions.clone(), state.events.clone())
    };
    let permissions: serde_json::Map<String, Value> = permissions
        .into_iter()
        .filter(|(_, level)| level != "none")
        .map(|(name, level)| (name, level.into()))
        .collect();
    json!({
        "id": APP_ID, "slug": SLUG, "client_id": "Iv23stand-in", "node_id": "A_777",
        "owner": github.account("octo"), "name": SLUG, "description": "", "external_url": github.web_url(),
        "html_url": format!("{}/apps/{SLUG}", github.web_url()), "created_at": now(), "updated_at": now(),
        "permissions": permissions, "events": events, "installations_count": 1,
    })
}

impl GitHub {
    pub(super) fn installation_json(&self) -> Value {
        let app = app_json(self);
        let (installed, uncovered) = {
            let state = self.state();
            (state.installed, !state.uncovered.is_empty())
        };
        let suspended = installed == Installed::Suspended;
        json!({
            "id": INSTALLATION, "account": self.account("octo"), "app_id": APP_ID, "app_slug": SLUG,
            "target_id": self.account("octo")["id"], "target_type": "Organization",
            "repository_selection": if uncovered { "selected" } else { "all" },
            "access_tokens_url": format!("{}/app/installations/{INSTALLATION}/access_tokens", self.api_url()),
            "html_url": format!("{}/organizations/octo/settings/installations/{INSTALLATION}", self.web_url()),
            "permissions": app["permissions"], "events": app["events"],
            "created_at": now(), "updated_at": now(), "single_file_name": null,
            "suspended_at": suspended.then(now), "suspended_by": suspended.then(|| self.account("octocat")),
        })
    }

    /// An App that somebody has just created on GitHub's page: the code that
    /// its manifest is exchanged by, once.
    pub fn created_app(&self, manifest: Value) -> String {
        let mut state = self.state();
        let code = format!("code{:036}", state.id());
        state.codes.insert(code.clone(), manifest);
        code
    }
}

/// `POST /app-manifests/{code}/conversions`: no credentials, and only once.
pub(super) fn convert(github: &GitHub, call: &Call<'_>, code: &str) -> Answer {
    let Some(manifest) = github.state().codes.remove(code) else { return not_found() };
    if !call.bearer.is_empty() {
        return refused("No credentials are expected here");
    }
    let secret = format!("created-webhook-secret-{code}");
    {
        let mut state = github.state();
        if let Ok(permissions) = serde_json::from_value(manifest["default_permissions"].clone()) {
            state.permissions = permissions;
        }
        if let Ok(events) = serde_json::from_value(manifest["default_events"].clone()) {
            state.events = events;
        }
        let url = manifest["hook_attributes"]["url"].as_str().unwrap_or_default().to_owned();
        state.hook = (url, secret.clone());
    }
    let mut app = app_json(github);
    app["name"] = manifest["name"].clone();
    app["client_secret"] = json!("created-client-secret");
    app["webhook_secret"] = json!(secret);
    app["pem"] = json!(github.private_key());
    (201, app)
}

/// `GET /repos/{owner}/{repo}/installation`.
pub(super) fn of_repository(github: &GitHub, call: &Call<'_>, repo: &str) -> Answer {
    if !github.0.key.accepts(call.bearer) {
        return undecoded();
    }
    let covered = {
        let state = github.state();
        let known = state.repos.get(repo).is_some_and(|repo| !state.uncovered.contains(&repo.id));
        known && state.installed != Installed::Removed
    };
    if covered { (200, github.installation_json()) } else { not_found() }
}

/// `GET /installation/repositories`, for a token.
pub(super) fn repositories(github: &GitHub, call: &Call<'_>) -> Answer {
    let names: Vec<String> = {
        let state = github.state();
        let Some(token) = state.tokens.get(call.bearer) else {
            return (401, json!({ "message": "Bad credentials", "status": "401" }));
        };
        let covered = |id| token.repos.contains(&id) && !state.uncovered.contains(&id);
        state.repos.iter().filter(|(_, repo)| covered(repo.id)).map(|(name, _)| name.clone()).collect()
    };
    let all: Vec<Value> = names.iter().map(|name| github.repo_json(name)).collect();
    (200, json!({ "total_count": all.len(), "repository_selection": "all", "repositories": all }))
}

/// `POST /app/installations/{id}/access_tokens`: for some repositories, by
/// number or by name, or for all.
pub(super) fn mint(github: &GitHub, call: &Call<'_>, installation: &str) -> Answer {
    if !github.0.key.accepts(call.bearer) {
        return undecoded();
    }
    let mut state = github.state();
    if installation != INSTALLATION.to_string() || state.installed == Installed::Removed {
        return not_found();
    }
    if state.installed == Installed::Suspended {
        return (403, json!({ "message": "This installation has been suspended", "status": "403" }));
    }
    let names: Option<Vec<String>> = serde_json::from_value(call.body["repositories"].clone()).ok();
    let numbers: Option<Vec<u64>> = serde_json::from_value(call.body["repository_ids"].clone()).ok();
    let all: Vec<(u64, String)> = state
        .repos
        .iter()
        .filter(|(_, repo)| !state.uncovered.contains(&repo.id))
        .map(|(name, repo)| (repo.id, name.split('/').nth(1).unwrap_or_default().to_owned()))
        .collect();
    let repos: Option<Vec<u64>> = match (&names, &numbers) {
        (None, None) => Some(all.iter().map(|(id, _)| *id).collect()),
        (names, numbers) => {
            let by_name = names
                .iter()
                .flatten()
                .map(|wanted| all.iter().find(|(_, name)| name == wanted).map(|(id, _)| *id));
            let by_number = numbers
                .iter()
                .flatten()
                .map(|wanted| all.iter().find(|(id, _)| id == wanted).map(|(id, _)| *id));
            by_name.chain(by_number).collect()
        }
    };
    let Some(repos) = repos else {
        return refused(
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        );
    };
    let asked: Option<HashMap<String, String>> =
        serde_json::from_value(call.body["permissions"].clone()).ok();
    let permissions = asked.unwrap_or_else(|| {
        state.permissions.clone().into_iter().filter(|(_, level)| level != "none").collect()
    });
    let granted = permissions.iter().all(|(name, level)| {
        let held = state.permissions.get(name).map(String::as_str);
        held == Some("write") || held == Some(level)
    });
    if !granted {
        return refused("The permissions requested are not granted to this installation.");
    }
    let token = token(state.id());
    state.tokens.insert(token.clone(), Token { repos, permissions: permissions.clone() });
    drop(state);
    let selection = if names.is_some() || numbers.is_some() { "selected" } else { "all" };
    let ends = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let body = json!({
        "token": token, "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "permissions": permissions, "repository_selection": selection,
    });
    (201, body)
}

/// About five hundred characters with dots, as GitHub's are since 2026.
fn token(id: u64) -> String {
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let head = part(r#"{"typ":"JWT","alg":"RS256"}"#.to_owned());
    let claims = part(format!("{{\"n\":{id},\"pad\":\"{}\"}}", "x".repeat(160)));
    let signature = part(format!("{id:0>150}"));
    format!("ghs_{APP_ID}_{head}.{claims}.{signature}")
}
