//! Labels that come and go, and issues that end.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{
    AppBody, Event, InstallationBody, RepositoryBody, Scene, SenderBody, latest, name, scene, written,
};
use crate::text;

/// Labels were put on an issue or a pull request, or it was opened with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labeled {
    pub scene: Scene,
    pub number: u64,
    pub is_pull: bool,
    pub is_open: bool,
    pub title: String,
    pub body: String,
    /// The new ones only.
    pub labels: Vec<String>,
    pub at: Timestamp,
    /// The number of the App through which the issue was opened, if that is
    /// what put the labels on it.
    pub via_app: Option<u64>,
}

/// A label was taken off an issue or a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlabeled {
    pub scene: Scene,
    pub number: u64,
    pub label: String,
}

/// An issue was closed, deleted or moved to another repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueEnded {
    pub scene: Scene,
    pub number: u64,
    /// `closed`, `deleted` or `transferred`, as GitHub says it.
    pub how: String,
}

impl IssueEnded {
    /// A closed issue can be opened again, and anybody who wrote one may
    /// close it; the other two leave nothing behind.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.how == "closed"
    }
}

#[derive(Deserialize)]
struct IssuesBody {
    action: String,
    installation: Option<InstallationBody>,
    repository: RepositoryBody,
    sender: SenderBody,
    issue: IssueBody,
    label: Option<LabelBody>,
}

/// What an issue and a pull request have in common.
#[derive(Deserialize)]
pub(super) struct IssueBody {
    pub(super) number: u64,
    pub(super) title: Option<String>,
    pub(super) body: Option<String>,
    pub(super) state: Option<String>,
    labels: Option<Vec<LabelBody>>,
    pub(super) updated_at: Option<Timestamp>,
    pub(super) created_at: Option<Timestamp>,
    performed_via_github_app: Option<AppBody>,
    /// There for pull requests, which are issues to some events.
    pub(super) pull_request: Option<IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct LabelBody {
    name: Option<String>,
}

impl LabelBody {
    fn name(self) -> Option<String> {
        self.name.map(|label| name(&label))
    }
}

impl IssueBody {
    pub(super) fn labeled(self, scene: Scene, labels: Vec<String>) -> Labeled {
        let plain = |text: Option<String>| text::plain(&written(text));
        Labeled {
            scene,
            number: self.number,
            is_pull: self.pull_request.is_some(),
            is_open: self.state.as_deref() != Some("closed"),
            title: name(&self.title.unwrap_or_default()),
            body: plain(self.body),
            labels,
            at: latest([self.updated_at, self.created_at]),
            via_app: None,
        }
    }
}

/// `labeled` or `unlabeled`, of an issue or a pull request. GitHub may leave
/// the label out.
pub(super) fn label_event(
    action: &str,
    scene: Scene,
    issue: IssueBody,
    label: Option<LabelBody>,
) -> Option<Event> {
    let label = label.and_then(LabelBody::name)?;
    Some(if action == "labeled" {
        Event::Labeled(issue.labeled(scene, vec![label]))
    } else {
        Event::Unlabeled(Unlabeled { scene, number: issue.number, label })
    })
}

pub(super) fn label(body: &[u8]) -> serde_json::Result<Option<Event>> {
    let IssuesBody { action, installation, repository, sender, issue, label } = serde_json::from_slice(body)?;
    let scene = scene(installation, repository, sender);
    Ok(scene.and_then(|scene| label_event(&action, scene, issue, label)))
}

/// An issue form can put labels on as the reporter.
pub(super) fn opened(body: &[u8]) -> serde_json::Result<Option<Event>> {
    let IssuesBody { action: _, installation, repository, sender, mut issue, label: _ } =
        serde_json::from_slice(body)?;
    let labels: Vec<String> = issue.labels.take().into_iter().flatten().filter_map(LabelBody::name).collect();
    let Some(scene) = scene(installation, repository, sender).filter(|_scene| !labels.is_empty()) else {
        return Ok(None);
    };
    let via_app = issue.performed_via_github_app.take().and_then(|app| app.id);
    Ok(Some(Event::Labeled(Labeled { via_app, ..issue.labeled(scene, labels) })))
}

pub(super) fn ended(body: &[u8]) -> serde_json::Result<Option<Event>> {
    let IssuesBody { action, installation, repository, sender, issue, label: _ } =
        serde_json::from_slice(body)?;
    let ended = |scene| Event::IssueEnded(IssueEnded { scene, number: issue.number, how: name(&action) });
    Ok(scene(installation, repository, sender).map(ended))
}
