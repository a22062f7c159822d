//! An ordinary bump of what a parent or bill of materials sets, and the names
//! that people use.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::carrier::{self, Carrier};
use super::direct::{Attempt, Case};
use super::edits;
use super::effective::Managed;
use super::ground::Ground;
use super::model::Gav;
use super::shelf::Stop;
use super::target::{self, Wish};
use super::version::compare;
use crate::change::{Ecosystem, Resolved, Step};

/// Group and artifact of what was asked for.
///
/// # Errors
/// An artifact alone is not known, or has several groups.
pub(super) fn name(ground: &Ground<'_>, asked: &str) -> Result<(String, String), Stop> {
    if let Some((group, artifact)) = asked.split_once(':') {
        return Ok((group.to_owned(), artifact.to_owned()));
    }
    let declared = ground.declared.iter().map(|one| &one.gav);
    let used = ground.effective.values().flat_map(|one| one.dependencies.iter().map(|used| &used.gav));
    let groups: BTreeSet<&str> =
        declared.chain(used).filter(|gav| gav.artifact == asked).map(|gav| gav.group.as_str()).collect();
    let mut names = groups.iter();
    match (names.next(), names.next()) {
        (Some(group), None) => Ok(((*group).to_owned(), asked.to_owned())),
        (None, _) => {
            Err(Stop::declined(format!("find {asked} among the dependencies that the poms declare")))
        }
        _ => {
            let names: Vec<String> = groups.iter().map(|group| format!("{group}:{asked}")).collect();
            Err(Stop::declined(format!("tell which {asked} is meant: {}", names.join(" or "))))
        }
    }
}

/// Sets the parent's property, or says what to bump instead.
///
/// # Errors
/// The version cannot be set from here, or there is none to go to.
pub(super) fn bump(ground: &Ground<'_>, case: &Case<'_>) -> Result<Attempt, Stop> {
    let found = ground.effective.iter().find_map(|(path, effective)| {
        let used = effective.dependencies.iter().find(|one| one.gav.is(case.group, case.artifact))?;
        Some((path, used))
    });
    let Some((path, used)) = found else {
        return Err(Stop::declined(format!(
            "find {} among the dependencies that the poms declare",
            case.name()
        )));
    };
    let Some(carrier) = carrier::of(ground, path, case.group, case.artifact) else {
        return Err(Stop::edit(format!("find where the version of {} is set", case.name())));
    };
    let Some(property) = &carrier.property else {
        return Err(Stop::declined(format!(
            "bump {}: its version comes from {}, named in {}; bump that instead",
            case.name(),
            carrier.gav,
            carrier.path
        )));
    };
    let sharing = sharing(ground, path, case)?;
    let wish = Wish {
        current: &used.gav,
        asked: case.asked,
        advisories: &[],
        sharing: &sharing,
        java: Some(ground.level()),
        probe: None,
    };
    let target = target::choose(ground.shelf, &wish)?;
    let value = match &property.bom {
        None => target.version.clone(),
        Some(bom) => bom_with(ground, case, bom, &target.version, &carrier)?,
    };
    let texts = edits::property(&ground.texts, &property.path, &property.name, &value)?;
    let mut reasons = target.reasons;
    reasons.push(format!("{} lets the version be set by the property {}", carrier.gav, property.name));
    let resolved = Resolved {
        ecosystem: Ecosystem::Maven,
        package: case.name(),
        from: used.gav.version.clone(),
        to: target.version,
        step: Step::BomProperty,
        reasons,
        others: Vec::new(),
    };
    Ok(Attempt { texts, resolved })
}

/// Artifacts in use whose version is written with the same property.
fn sharing(ground: &Ground<'_>, path: &str, case: &Case<'_>) -> Result<Vec<(String, String)>, Stop> {
    let Some(effective) = ground.effective.get(path) else { return Ok(Vec::new()) };
    let Some(own) = effective.manages(case.group, case.artifact) else { return Ok(Vec::new()) };
    let trees = ground.trees()?;
    let shares = |name: &(String, String)| {
        let other = effective.manages(&name.0, &name.1);
        let same = |other: &Managed| other.written == own.written && other.source == own.source;
        other.is_some_and(|other| other.import.is_none() && own.import.is_none() && same(other))
            && !own.dependency.gav.is(&name.0, &name.1)
    };
    let used = trees.iter().flat_map(|(_, tree)| &tree.nodes).map(|node| &node.dependency.gav);
    let names: BTreeSet<(String, String)> =
        used.map(|gav| (gav.group.clone(), gav.artifact.clone())).filter(shares).collect();
    Ok(names.into_iter().collect())
}

/// The release of a bill of materials that manages exactly this version.
fn bom_with(
    ground: &Ground<'_>,
    case: &Case<'_>,
    bom: &Gav,
    version: &str,
    carrier: &Carrier,
) -> Result<String, Stop> {
    let wish = Wish { current: bom, asked: None, advisories: &[], sharing: &[], java: None, probe: None };
    let mut candidates = target::newer(ground.shelf, &wish)?;
    // Most bills carry the number of what they manage.
    candidates.sort_by_key(|candidate| candidate != version);
    let near = |candidate: &&String| compare(candidate, version) != Ordering::Less;
    for candidate in candidates.iter().filter(near).take(8) {
        let pom = Gav { version: candidate.clone(), ..bom.clone() };
        let Some(effective) = ground.world().remote(&pom)? else { continue };
        let managed = effective.manages(case.group, case.artifact);
        if managed.is_some_and(|managed| managed.dependency.gav.version == version) {
            return Ok(candidate.clone());
        }
    }
    Err(Stop::declined(format!(
        "bump {} to {version}: no release of {} manages it; bump {} instead",
        case.name(),
        bom.name(),
        carrier.gav
    )))
}
