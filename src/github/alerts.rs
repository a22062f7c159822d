//! Dependabot alerts of a repository, read with a token that can do nothing
//! else.

use serde_json::Value;

use super::GitHub;
use super::token::Purpose;
use super::wire::escape;
use crate::advisory::{Advisory, parse_advisory};
use crate::failure::Failure;
use crate::ids::Repository;

/// An alert as GitHub has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertNow {
    /// `open`, `fixed`, `dismissed`, `auto_dismissed`.
    pub state: String,
    /// `None` when it cannot be answered here.
    pub advisory: Option<Advisory>,
}

impl GitHub {
    /// The open alerts of one package, in one manifest or in all. Alerts that
    /// cannot be answered here, such as withdrawn ones, are left out.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn open_alerts(
        &self,
        repo: &Repository,
        package: &str,
        manifest: Option<&str>,
    ) -> Result<Vec<Advisory>, Failure> {
        let client = self.client(repo, Purpose::Alerts).await?;
        let mut path = format!("/dependabot/alerts?state=open&package={}", escape(package));
        if let Some(manifest) = manifest {
            path = format!("{path}&manifest={}", escape(manifest));
        }
        let open = client.list(&path).await?;
        // The filters are GitHub's; what came through is looked at again.
        let ours = |advisory: &Advisory| {
            advisory.package == package && manifest.is_none_or(|manifest| advisory.manifest == manifest)
        };
        Ok(open.iter().filter_map(|alert| parse_advisory(alert).ok()).filter(ours).collect())
    }

    /// One alert; `None` when there is none of this number.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn alert(&self, repo: &Repository, number: u64) -> Result<Option<AlertNow>, Failure> {
        let client = self.client(repo, Purpose::Alerts).await?;
        let found = client.find(&format!("/dependabot/alerts/{number}")).await?;
        Ok(found.map(|alert| AlertNow {
            state: alert.get("state").and_then(Value::as_str).unwrap_or_default().to_owned(),
            advisory: parse_advisory(&alert).ok(),
        }))
    }
}
