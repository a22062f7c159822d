//! A newer parent: the lowest release of what pulls a package in that allows
//! what is wanted, together with everything above it that has to follow.

use super::super::listing::Release;
use super::super::lock::Source;
use super::super::spec;
use super::super::world::{Ask, Decided, Draft, Lift, World};

/// Parents above each other.
const HEIGHT: u32 = 6;
/// Releases of one parent that are tried when its own parents have to move.
const TRIES: usize = 12;

/// One look for newer parents.
pub(in crate::bump::npm) struct Climb<'a, 'w> {
    pub(in crate::bump::npm) world: &'a World<'w>,
    pub(in crate::bump::npm) draft: &'a Draft,
    /// A new major is allowed.
    pub(in crate::bump::npm) across: bool,
}

impl<'w> Climb<'_, 'w> {
    /// What has to move so that this copy is at a release that is `good`.
    /// `None` when there is no way.
    pub(in crate::bump::npm) fn lift(
        &self,
        copy: usize,
        good: &dyn Fn(&Release) -> bool,
        height: u32,
    ) -> Decided<Option<Vec<Lift>>> {
        let Some(node) = self.world.graph.node(copy) else { return Ok(None) };
        if node.source != Source::Registry || node.bundled || height > HEIGHT || !self.world.spend() {
            return Ok(None);
        }
        let from = self.draft.version(self.world, copy);
        let candidates: Vec<&'w Release> = self
            .world
            .above(&node.name, &from)?
            .into_iter()
            .filter(|release| (self.across || spec::same_line(&from, &release.version)) && good(release))
            .collect();
        if candidates.is_empty() {
            return Ok(None);
        }
        let copies = self.world.graph.twins(copy);
        let asks = self.world.asks(self.draft, &copies)?;
        let lift = |release: &Release| Lift {
            copies: copies.clone(),
            to: release.version.clone(),
            raised: raised(&asks, release),
            across: !spec::same_line(&from, &release.version),
        };
        let in_range = |release: &&&Release| asks.iter().all(|ask| ask.admits(&release.version));
        let declared =
            |release: &&&Release| asks.iter().all(|ask| editable(ask) || ask.admits(&release.version));
        let found = candidates.iter().find(in_range).or_else(|| candidates.iter().find(declared));
        if let Some(release) = found {
            return Ok(Some(vec![lift(release)]));
        }
        for release in candidates.iter().take(TRIES) {
            if let Some(mut lifts) = self.follow(&asks, release, height)? {
                lifts.push(lift(release));
                return Ok(Some(lifts));
            }
        }
        Ok(None)
    }

    /// Everyone above who does not allow this release moves up as well.
    fn follow(&self, asks: &[Ask], release: &Release, height: u32) -> Decided<Option<Vec<Lift>>> {
        let mut lifts: Vec<Lift> = Vec::new();
        for ask in asks.iter().filter(|ask| !editable(ask) && !ask.admits(&release.version)) {
            if ask.own {
                return Ok(None);
            }
            let good = |parent: &Release| {
                let range = parent.dependencies.get(&ask.name);
                range.is_none_or(|range| spec::admits(range, &release.version))
            };
            let Some(more) = self.lift(ask.parent, &good, height.saturating_add(1))? else { return Ok(None) };
            lifts.extend(more);
        }
        Ok(Some(lifts))
    }
}

/// A declaration of this repository that can be raised.
fn editable(ask: &Ask) -> bool {
    ask.own && !spec::is_elsewhere(&ask.range)
}

fn raised(asks: &[Ask], release: &Release) -> Vec<(usize, String)> {
    asks.iter().filter(|ask| editable(ask) && !ask.admits(&release.version)).map(Ask::declaration).collect()
}
