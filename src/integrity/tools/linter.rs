//! Linters: each rule at least as severe as before.

use std::collections::{BTreeMap, BTreeSet};

use super::super::settings::Setting;
use super::{LOWERED, Weaker};

/// Names of rules change from release to release, and rules move into
/// plugins: the last part of the name is compared.
fn rule_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Each rule's lowest severity, with its line.
fn severities(settings: &[Setting]) -> BTreeMap<String, (u8, u32)> {
    let mut rules: BTreeMap<String, (u8, u32)> = BTreeMap::new();
    let mut seen: BTreeSet<(Vec<String>, u32)> = BTreeSet::new();
    for setting in settings {
        let Some(at) = setting.keys.iter().position(|key| key == "rules") else { continue };
        let severity = match setting.value.as_str() {
            "error" | "2" | "deny" => 2,
            "warn" | "1" | "info" => 1,
            "off" | "0" | "null" | "false" | "allow" => 0,
            "true" | "on" => 2,
            _ => continue,
        };
        // ESLint: the key behind `rules`; Biome: the last of the keys.
        let is_level = setting.key() == "level";
        let name = if is_level { setting.keys.iter().rev().nth(1) } else { setting.keys.last() };
        let Some(name) = name.filter(|_| setting.keys.len() > at + 1) else { continue };
        // Deeper down are options, whose numbers are no severities.
        let depth = setting.keys.len() - at;
        let direct =
            depth == 2 || depth <= 4 && (is_level || depth == 3 && setting.value.parse::<u8>().is_err());
        if !direct || !seen.insert((setting.keys.clone(), setting.line)) {
            continue;
        }
        let entry = rules.entry(rule_name(name).to_owned()).or_insert((severity, setting.line));
        if severity < entry.0 {
            *entry = (severity, setting.line);
        }
    }
    rules
}

pub(super) fn linter(before: &[Setting], after: &[Setting]) -> Vec<Weaker> {
    let (then, now) = (severities(before), severities(after));
    let mut found = Vec::new();
    for (name, (severity, line)) in &now {
        let is_lower = then
            .get(name)
            .map_or(*severity == 0 || *severity == 1 && !before.is_empty(), |(then, _)| severity < then);
        if is_lower {
            found.push(Weaker {
                rule: LOWERED,
                line: Some(*line),
                message: format!("the rule {name} is an error no longer: put it back"),
            });
        }
    }
    let mut new: Vec<u8> = now
        .iter()
        .filter(|(name, _)| !then.contains_key(*name))
        .map(|(_, (severity, _))| *severity)
        .collect();
    for (name, (severity, _)) in &then {
        if *severity > 0 && !now.contains_key(name) {
            // A rule has another name in a later release.
            if let Some(index) = new.iter().position(|new| new >= severity) {
                new.swap_remove(index);
                continue;
            }
            found.push(Weaker {
                rule: LOWERED,
                line: None,
                message: format!("the rule {name} is gone: put it back"),
            });
        }
    }
    let recommended = |settings: &[Setting]| {
        settings.iter().any(|s| s.value.contains("recommended") || s.value.contains("all"))
    };
    let sets = |settings: &[Setting]| settings.iter().filter(|s| s.key() == "extends").count();
    if (recommended(before) && !recommended(after)) || (sets(before) > 0 && after.is_empty()) {
        found.push(Weaker {
            rule: LOWERED,
            line: None,
            message: "a set of rules is used no longer: put it back".to_owned(),
        });
    }
    found.extend(switched_off(before, after));
    found.extend(raised_options(before, after));
    found
}

fn switched_off(before: &[Setting], after: &[Setting]) -> Option<Weaker> {
    let is_off = |settings: &[Setting]| {
        settings.iter().any(|s| {
            s.value == "false"
                && (matches!(s.key(), "enabled" | "recommended")
                    || s.key() == "reportUnusedDisableDirectives")
        })
    };
    (is_off(after) && !is_off(before)).then(|| Weaker {
        rule: LOWERED,
        line: None,
        message: "a checker was switched off: put it back".to_owned(),
    })
}

/// `max-len`, `complexity`: a larger number is looser.
fn raised_options(before: &[Setting], after: &[Setting]) -> Vec<Weaker> {
    let numbers = |settings: &[Setting]| -> BTreeMap<String, (f64, u32)> {
        let mut numbers = BTreeMap::new();
        for setting in settings {
            let Some(at) = setting.keys.iter().position(|key| key == "rules") else { continue };
            let Some(name) = setting.keys.get(at + 1).map(|name| rule_name(name)) else { continue };
            let is_limit = name.starts_with("max-") || matches!(name, "complexity" | "cognitive-complexity");
            if let Some(number) = setting.number().filter(|number| is_limit && *number > 2.0) {
                let entry = numbers.entry(name.to_owned()).or_insert((number, setting.line));
                entry.0 = number.max(entry.0);
            }
        }
        numbers
    };
    let then = numbers(before);
    numbers(after)
        .into_iter()
        .filter(|(name, (now, _))| then.get(name).is_some_and(|(then, _)| now > then))
        .map(|(name, (now, line))| Weaker {
            rule: LOWERED,
            line: Some(line),
            message: format!("the rule {name} allows {now} now: put back what it allowed"),
        })
        .collect()
}
