//! Where the App may work: installations and repositories that come, go and
//! change their names. Numbers are the keys, so a new name changes nothing
//! but where GitHub is asked.

use serde::Deserialize;

use super::{Event, InstallationBody, RepositoryBody, SenderBody};
use crate::text;
use crate::wish::{Gone, Moved};

#[derive(Deserialize)]
struct InstallationEvent {
    installation: InstallationBody,
    sender: Option<SenderBody>,
}

#[derive(Deserialize)]
struct RepositoriesEvent {
    installation: InstallationBody,
    sender: Option<SenderBody>,
    repositories_removed: Option<Vec<NumberBody>>,
}

#[derive(Deserialize)]
struct NumberBody {
    id: u64,
}

#[derive(Deserialize)]
struct RepositoryEvent {
    installation: Option<InstallationBody>,
    repository: RepositoryBody,
    sender: Option<SenderBody>,
}

fn by(sender: Option<SenderBody>) -> String {
    sender.map(|sender| format!(" by {}", text::head(&text::plain(&sender.login), 60))).unwrap_or_default()
}

pub(super) fn installation(body: &[u8], action: &str) -> serde_json::Result<Option<Event>> {
    let gone = |what: &str| {
        let InstallationEvent { installation, sender } = serde_json::from_slice(body)?;
        let why = format!("the App was {what}{}", by(sender));
        Ok(Some(Event::Gone(Gone { installation: installation.id, repositories: None, why })))
    };
    let nothing = |why: &str| Ok(Some(Event::Unfit(why.to_owned())));
    match action {
        "deleted" => gone("uninstalled"),
        "suspend" => gone("suspended"),
        "created" => nothing("the App was installed: nothing to do until somebody asks"),
        "unsuspend" => nothing("the App may work again: nothing to do until somebody asks"),
        "new_permissions_accepted" => nothing("new permissions were accepted"),
        _ => Ok(None),
    }
}

pub(super) fn repositories(body: &[u8], action: &str) -> serde_json::Result<Option<Event>> {
    match action {
        "added" => {
            Ok(Some(Event::Unfit("repositories were added: nothing to do until somebody asks".to_owned())))
        }
        "removed" => {
            let RepositoriesEvent { installation, sender, repositories_removed } =
                serde_json::from_slice(body)?;
            let removed = repositories_removed.into_iter().flatten();
            let numbers: Vec<u64> = removed.map(|repository| repository.id).collect();
            // An empty list must not pass for "all of them".
            if numbers.is_empty() {
                return Ok(Some(Event::Unfit("no repository was removed".to_owned())));
            }
            Ok(Some(Event::Gone(Gone {
                installation: installation.id,
                repositories: Some(numbers),
                why: format!("the repository was taken from the App{}", by(sender)),
            })))
        }
        _ => Ok(None),
    }
}

/// GitHub names no repository here. All are known by their numbers, what is
/// asked under an old name is redirected, and the next event brings the new
/// one.
pub(super) fn owner_renamed(body: &[u8]) -> serde_json::Result<Option<Event>> {
    let InstallationEvent { installation, sender: _ } = serde_json::from_slice(body)?;
    let why =
        format!("the owner of installation {} has another name; its number is the same", installation.id);
    Ok(Some(Event::Unfit(why)))
}

pub(super) fn repository(body: &[u8], action: &str) -> serde_json::Result<Option<Event>> {
    let why = match action {
        "renamed" | "transferred" => None,
        "archived" => Some("the repository was archived"),
        "deleted" => Some("the repository was deleted"),
        _ => return Ok(None),
    };
    let RepositoryEvent { installation, repository, sender } = serde_json::from_slice(body)?;
    let Some(InstallationBody { id: installation }) = installation else { return Ok(None) };
    Ok(Some(match why {
        None => Event::Moved(Moved {
            repo_id: repository.id,
            to: repository.full_name,
            installation: Some(installation),
        }),
        Some(why) => Event::Gone(Gone {
            installation,
            repositories: Some(vec![repository.id]),
            why: format!("{why}{}", by(sender)),
        }),
    }))
}
