//! The manifest that GitHub is given: `app-manifest.yml` with this
//! installation's name and addresses.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::Failure;

/// What the App may do and is told, the same for everybody.
const MANIFEST: &str = include_str!("../../app-manifest.yml");

/// What a person fills in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Asked {
    /// The App's name, unique on its GitHub.
    #[serde(default)]
    pub name: String,
    /// Who shall own it: an organisation; empty for the person.
    #[serde(default)]
    pub organization: String,
    /// Root of the address at which GitHub reaches the service.
    #[serde(default)]
    pub address: String,
}

impl Asked {
    pub(super) fn trimmed(&self) -> Self {
        Self {
            name: self.name.trim().to_owned(),
            organization: self.organization.trim().to_owned(),
            address: self.address.trim().trim_end_matches('/').to_owned(),
        }
    }

    /// # Errors
    /// What GitHub would refuse, for the person.
    pub(super) fn check(&self) -> Result<(), String> {
        if !(1..=34).contains(&self.name.chars().count()) {
            return Err("The name needs 1 to 34 characters.".to_owned());
        }
        let login = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if self.organization.len() > 100 || !self.organization.bytes().all(login) {
            return Err("An organisation's name has letters, digits and hyphens only.".to_owned());
        }
        let host = self
            .address
            .strip_prefix("https://")
            .or_else(|| self.address.strip_prefix("http://"))
            .and_then(|rest| rest.split(['/', ':']).next())
            .filter(|host| !host.is_empty() && self.address.parse::<axum::http::Uri>().is_ok());
        match host {
            None => Err("The address begins with https:// and names a host.".to_owned()),
            Some("localhost" | "127.0.0.1" | "0.0.0.0" | "[") => {
                Err("GitHub sends webhooks to this address: it cannot be this machine's own name for itself."
                    .to_owned())
            }
            Some(_) => Ok(()),
        }
    }

    /// Where the browser posts the manifest to.
    pub(super) fn action(&self, web_url: &str, state: &str) -> String {
        match self.organization.as_str() {
            "" => format!("{web_url}/settings/apps/new?state={state}"),
            organization => format!("{web_url}/organizations/{organization}/settings/apps/new?state={state}"),
        }
    }
}

/// What the App has to have.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Wanted {
    /// Levels by permission.
    #[serde(rename = "default_permissions")]
    pub permissions: BTreeMap<String, String>,
    #[serde(rename = "default_events")]
    pub events: Vec<String>,
}

/// What the manifest asks for.
///
/// # Errors
/// The manifest of this program cannot be read.
pub fn wanted() -> Result<Wanted, Failure> {
    serde_yaml_ng::from_str(MANIFEST).map_err(|error| Failure::bug("read the App's manifest").because(error))
}

/// The manifest as GitHub takes it. `own` is the root of the set-up page,
/// where GitHub sends the browser back to.
pub(super) fn of(asked: &Asked, own: &str) -> Result<Value, Failure> {
    let mut manifest: Value = serde_yaml_ng::from_str(MANIFEST)
        .map_err(|error| Failure::bug("read the App's manifest").because(error))?;
    let address = &asked.address;
    for (pointer, value) in [
        ("name", json!(asked.name)),
        ("url", json!(address)),
        ("hook_attributes", json!({ "url": format!("{address}/webhooks/github"), "active": true })),
        ("redirect_url", json!(format!("{own}/setup/callback"))),
        ("setup_url", json!(format!("{address}/setup/installed"))),
        ("setup_on_update", json!(false)),
        ("public", json!(false)),
    ] {
        manifest
            .as_object_mut()
            .ok_or_else(|| Failure::bug("read the App's manifest"))?
            .insert(pointer.to_owned(), value);
    }
    Ok(manifest)
}
