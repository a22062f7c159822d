//! The compiler of TypeScript: as strict as before.

use super::super::settings::Setting;
use super::{LOWERED, Weaker};

const STRICT: [&str; 21] = [
    "strict",
    "noImplicitAny",
    "strictNullChecks",
    "strictFunctionTypes",
    "strictBindCallApply",
    "strictPropertyInitialization",
    "noImplicitThis",
    "useUnknownInCatchVariables",
    "alwaysStrict",
    "noUnusedLocals",
    "noUnusedParameters",
    "noImplicitReturns",
    "noFallthroughCasesInSwitch",
    "noUncheckedIndexedAccess",
    "exactOptionalPropertyTypes",
    "noImplicitOverride",
    "noPropertyAccessFromIndexSignature",
    "noEmitOnError",
    "checkJs",
    "noUncheckedSideEffectImports",
    "forceConsistentCasingInFileNames",
];
const LOOSE: [&str; 5] = [
    "skipLibCheck",
    "allowUnreachableCode",
    "allowUnusedLabels",
    "suppressImplicitAnyIndexErrors",
    "noCheck",
];

pub(super) fn typescript(before: &[Setting], after: &[Setting]) -> Vec<Weaker> {
    let value = |settings: &[Setting], key: &str| -> Option<(String, u32)> {
        settings
            .iter()
            .find(|setting| setting.key() == key)
            .map(|setting| (setting.value.clone(), setting.line))
    };
    let mut found = Vec::new();
    for key in STRICT {
        let then = value(before, key).map(|(value, _)| value);
        let now = value(after, key);
        let was_on = then.as_deref() == Some("true");
        let is_off = now.as_ref().is_some_and(|(value, _)| value == "false");
        let by_strict = key != "strict"
            && value(after, "strict").is_some_and(|(value, _)| value == "true")
            && now.is_none()
            && STRICT.iter().take(9).any(|of| *of == key);
        if (was_on && now.as_ref().is_none_or(|(value, _)| value != "true") && !by_strict)
            || (is_off && then.as_deref() != Some("false"))
        {
            let message = format!("{key} is off now: put it back");
            found.push(Weaker { rule: LOWERED, line: now.map(|(_, line)| line), message });
        }
    }
    for key in LOOSE {
        let is_on = |settings: &[Setting]| value(settings, key).is_some_and(|(value, _)| value == "true");
        if is_on(after) && !is_on(before) {
            let line = value(after, key).map(|(_, line)| line);
            found.push(Weaker { rule: LOWERED, line, message: format!("{key} is on now: put it back") });
        }
    }
    found
}
