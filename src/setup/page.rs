//! The set-up's pages. No script: two forms and some words.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

use super::{Asked, Registered};

const STYLE: &str = "
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600 }
input[type=text] { width: 100%; box-sizing: border-box; font: inherit; padding: .4rem }
small { display: block; opacity: .75 }
button { font: inherit; margin-top: 1.5rem; padding: .5rem 1rem; cursor: pointer }
.wrong { border-left: 4px solid #c33; padding-left: .75rem }
table { border-collapse: collapse } td { padding: .15rem 1rem .15rem 0 }
";

fn page(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) " · Chaperone" }
                style { (PreEscaped(STYLE)) }
            }
            body { h1 { (title) } (body) }
        }
    }
}

/// The first page: who, and where.
pub(super) fn form(asked: &Asked, token: &str, wrong: Option<&str>) -> Markup {
    let field = |id: &str, label: &str, value: &str, hint: &str| {
        html! {
            label for=(id) { (label) }
            input type="text" id=(id) name=(id) value=(value);
            small { (hint) }
        }
    };
    page(
        "Make the GitHub App",
        &html! {
            p { "GitHub makes an App from a manifest: its permissions and events are in it, and it asks you once more." }
            @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
            form method="post" action="/setup" {
                input type="hidden" name="token" value=(token);
                (field("name", "Name", &asked.name, "1 to 34 characters, not yet taken on this GitHub."))
                (field("organization", "Organisation", &asked.organization, "Who shall own it. Empty: yourself."))
                (field("address", "Address of the service", &asked.address, "https://…: GitHub sends its webhooks here."))
                button { "Go on" }
            }
        },
    )
}

/// The second page: what the App may do, and the way to GitHub.
pub(super) fn confirm(action: &str, manifest: &Value) -> Markup {
    let permissions = manifest.get("default_permissions").and_then(Value::as_object);
    let events = manifest.get("default_events").and_then(Value::as_array);
    let events: Vec<&str> = events.into_iter().flatten().filter_map(Value::as_str).collect();
    page(
        "Make it on GitHub",
        &html! {
            p { "The App may:" }
            table {
                @for (name, level) in permissions.into_iter().flatten() {
                    tr { td { (name.replace('_', " ")) } td { (level.as_str().unwrap_or_default()) } }
                }
            }
            p { "It is told of: " (events.join(", ")) "." }
            form method="post" action=(action) {
                input type="hidden" name="manifest" value=(manifest.to_string());
                button { "Make the App on GitHub" }
            }
        },
    )
}

/// The last page.
pub(super) fn registered(app: &Registered) -> Markup {
    let install = format!("{}/installations/new", app.html_url);
    page(
        "The App is made",
        &html! {
            p { (app.name) " is there, and its key and secret are in files on this machine. The console says where." }
            p { a href=(install) { "Install it on a repository" } ", and start the service." }
        },
    )
}

/// After an installation.
pub(super) fn installed() -> Markup {
    page(
        "Installed",
        &html! {
            p { "Open an issue " q { "Bump " code { "package" } " to " code { "version" } } ", and label it " code { "agent:bump" } "." }
            p { "Or comment " code { "/agent help" } " on it." }
        },
    )
}

pub(super) fn refused(why: &str) -> Markup {
    page("This does not work", &html! { p.wrong role="alert" { (why) } })
}
