//! Maven: what the classes of two jars offer.

pub(super) mod class_file;

use std::collections::BTreeSet;

use super::api::{Api, Change, Item, Name, diff, typed};
use super::archive::Files;
use class_file::{
    ABSTRACT, ANNOTATION, BRIDGE, Class, ENUM, FINAL, INTERFACE, Member, PROTECTED, PUBLIC, STATIC, SYNTHETIC,
};

/// How a constructor is called among the members.
pub(super) const CONSTRUCTOR: &str = "<init>";

/// Two jars compared.
#[derive(Debug, Default)]
pub(super) struct Compared {
    pub(super) old: Api,
    pub(super) new: Api,
    pub(super) changes: Vec<Change>,
    pub(super) notes: Vec<String>,
}

pub(super) fn compare(old: &Files, new: &Files) -> Compared {
    let (old, new) = (Jar::read(old), Jar::read(new));
    let mut notes = Vec::new();
    if let (Some(was), Some(now)) = (old.java, new.java)
        && was != now
    {
        notes.push(format!("its classes need Java {now}, before Java {was}"));
    }
    let packages = |api: &Api| -> BTreeSet<String> { api.items.keys().map(|name| name.at.clone()).collect() };
    let (was, now) = (packages(&old.api), packages(&new.api));
    let gone: Vec<&str> = was.difference(&now).map(String::as_str).collect();
    if !gone.is_empty() {
        let shown = gone.iter().take(8).copied().collect::<Vec<_>>().join(", ");
        notes.push(format!("packages that are gone ({}): {shown}", gone.len()));
    }
    Compared { changes: diff(&old.api, &new.api), notes, old: old.api, new: new.api }
}

#[derive(Default)]
struct Jar {
    api: Api,
    /// What most of its classes need.
    java: Option<u16>,
}

impl Jar {
    fn read(files: &Files) -> Self {
        let mut jar = Self { api: Api { opaque: files.cut, ..Api::default() }, java: None };
        let mut versions = Vec::new();
        for (path, bytes) in files.kept() {
            // What only a newer Java looks at is not what everybody sees.
            if !path.ends_with(".class") || path.starts_with("META-INF/") || path.ends_with("-info.class") {
                continue;
            }
            let Some(class) = class_file::read(bytes) else {
                jar.api.opaque = true;
                continue;
            };
            versions.push(class.java);
            if is_offered(&class) {
                jar.api.items.insert(name(&class.name), item(&class));
            }
        }
        // A class inside of one that nobody sees is not seen either.
        let hidden: Vec<Name> = jar
            .api
            .items
            .keys()
            .filter(|name| {
                name.name
                    .rsplit_once('.')
                    .is_some_and(|(outer, _)| !jar.api.items.contains_key(&Name::new(name.at.clone(), outer)))
            })
            .cloned()
            .collect();
        for name in hidden {
            jar.api.items.remove(&name);
        }
        versions.sort_unstable();
        jar.java = versions.get(versions.len() / 2).copied();
        jar
    }
}

fn is_offered(class: &Class) -> bool {
    let flags = class.inner_flags.unwrap_or(class.flags);
    let numbered = class.name.rsplit('$').next().is_some_and(|last| last.parse::<u32>().is_ok());
    flags & (PUBLIC | PROTECTED) != 0 && class.flags & SYNTHETIC == 0 && !class.is_local && !numbered
}

/// `a/b/Outer$Inner` as people write it.
fn name(binary: &str) -> Name {
    let (at, name) = binary.rsplit_once('/').unwrap_or(("", binary));
    Name::new(at.replace('/', "."), name.replace('$', "."))
}

fn item(class: &Class) -> Item {
    let mut item = Item::typed(&heading(class));
    item.parents = class.superclass.iter().chain(&class.interfaces).map(|parent| name(parent)).collect();
    for field in &class.fields {
        if let Some(shown) = is_member(field).then(|| field_shown(field)).flatten() {
            item.members.entry(field.name.clone()).or_default().extend(typed(&shown));
        }
    }
    for method in &class.methods {
        let shown = is_member(method) && method.flags & BRIDGE == 0 && method.name != "<clinit>";
        if let Some(shown) = shown.then(|| method_shown(class, method)).flatten() {
            item.members.entry(method.name.clone()).or_default().extend(typed(&shown));
        }
    }
    item
}

fn is_member(member: &Member) -> bool {
    member.flags & (PUBLIC | PROTECTED) != 0 && member.flags & SYNTHETIC == 0
}

fn heading(class: &Class) -> String {
    let flags = class.inner_flags.unwrap_or(class.flags);
    let is = |flag: u16| flags & flag != 0;
    let kind = match () {
        () if is(ANNOTATION) => "@interface",
        () if is(INTERFACE) => "interface",
        () if is(ENUM) => "enum",
        () => "class",
    };
    let is_class = kind == "class";
    let abstracts = if is_class && is(ABSTRACT) { "abstract " } else { "" };
    let finals = if is_class && is(FINAL) { "final " } else { "" };
    let above = class.superclass.as_deref().filter(|above| is_class && *above != "java/lang/Object");
    let extends = above.map(|above| format!(" extends {}", simple(above))).unwrap_or_default();
    let mut interfaces: Vec<String> = class.interfaces.iter().map(|name| simple(name)).collect();
    interfaces.sort_unstable();
    let implements = match (interfaces.is_empty() || kind == "@interface", kind) {
        (true, _) => String::new(),
        (false, "interface") => format!(" extends {}", interfaces.join(", ")),
        (false, _) => format!(" implements {}", interfaces.join(", ")),
    };
    format!("{abstracts}{finals}{kind} {}{extends}{implements}", simple(&class.name))
}

fn simple(binary: &str) -> String {
    binary.rsplit('/').next().unwrap_or(binary).replace('$', ".")
}

fn modifiers(flags: u16) -> &'static str {
    match (flags & PROTECTED != 0, flags & STATIC != 0) {
        (false, false) => "",
        (false, true) => "static ",
        (true, false) => "protected ",
        (true, true) => "protected static ",
    }
}

fn field_shown(field: &Member) -> Option<String> {
    let (kind, _) = type_shown(&field.descriptor)?;
    Some(format!("{}{kind} {}", modifiers(field.flags), field.name))
}

fn method_shown(class: &Class, method: &Member) -> Option<String> {
    let mut rest = method.descriptor.strip_prefix('(')?;
    let mut parameters = Vec::new();
    while !rest.starts_with(')') {
        let (shown, after) = type_shown(rest)?;
        parameters.push(shown);
        rest = after;
    }
    let returned = type_shown(rest.get(1..)?)?.0;
    let mut throws: Vec<String> = method.throws.iter().map(|name| simple(name)).collect();
    throws.sort_unstable();
    let throws = if throws.is_empty() { String::new() } else { format!(" throws {}", throws.join(", ")) };
    let parameters = parameters.join(", ");
    let modifiers = modifiers(method.flags);
    Some(match method.name.as_str() {
        CONSTRUCTOR => format!("{modifiers}{}({parameters}){throws}", simple(&class.name)),
        name => format!("{modifiers}{returned} {name}({parameters}){throws}"),
    })
}

/// The first type of a descriptor as Java writes it, and the rest.
fn type_shown(descriptor: &str) -> Option<(String, &str)> {
    let element = descriptor.trim_start_matches('[');
    let dimensions = descriptor.len() - element.len();
    let (shown, rest) = match element.strip_prefix('L') {
        Some(class) => {
            let (class, rest) = class.split_once(';')?;
            (simple(class), rest)
        }
        None => {
            let primitive = match element.chars().next()? {
                'B' => "byte",
                'C' => "char",
                'D' => "double",
                'F' => "float",
                'I' => "int",
                'J' => "long",
                'S' => "short",
                'Z' => "boolean",
                'V' => "void",
                _ => return None,
            };
            (primitive.to_owned(), element.get(1..)?)
        }
    };
    Some((format!("{shown}{}", "[]".repeat(dimensions.min(255))), rest))
}

#[cfg(test)]
mod tests {
    use super::class_file::tests::Written;
    use super::*;
    use crate::briefing::api::What;

    type Members<'a> = &'a [(u16, &'a str, &'a str)];

    fn class<'a>(name: &'a str, superclass: &'a str, methods: Members<'a>) -> Written<'a> {
        Written { java: 8, flags: PUBLIC, name, superclass, fields: &[], methods }
    }

    fn api(classes: &[Written<'_>]) -> Api {
        let mut api = Api::default();
        for class in classes {
            let class = class_file::read(&class.bytes()).unwrap();
            if is_offered(&class) {
                api.items.insert(name(&class.name), item(&class));
            }
        }
        api
    }

    #[test]
    fn members_are_shown_as_java() {
        let methods = [
            (PUBLIC, CONSTRUCTOR, "(I)V"),
            (PROTECTED | STATIC, "of", "([[JLa/b/Map$Entry;Z)La/C;"),
            (PUBLIC | BRIDGE, "bridge", "()V"),
            (0, "hidden", "()V"),
            (PUBLIC, "broken", "(Q)V"),
        ];
        let written = Written {
            fields: &[(PUBLIC | STATIC, "MAX", "[B"), (0, "hidden", "I")],
            ..class("a/C", "a/Base", &methods)
        };
        let api = api(&[written]);
        let item = &api.items[&Name::new("a", "C")];
        let members: Vec<&str> =
            item.members.values().flat_map(|signatures| signatures.values()).map(String::as_str).collect();
        assert_eq!(
            members,
            ["C(int)", "static byte[] MAX", "protected static C of(long[][], Map.Entry, boolean)"]
        );
        assert_eq!(item.signatures.values().next().unwrap(), "class C extends Base");
    }

    #[test]
    fn hidden_classes_are_no_part_of_the_interface() {
        let hidden = Written { flags: 0, ..class("a/Hidden", "java/lang/Object", &[]) };
        let api = api(&[hidden, class("a/C$1", "java/lang/Object", &[])]);
        assert!(api.items.is_empty());
    }

    #[test]
    fn a_method_that_changed_and_a_class_that_moved_are_told_as_such() {
        let object = "java/lang/Object";
        let old = api(&[
            class("a/C", object, &[(PUBLIC, "run", "()V"), (PUBLIC, "stop", "()V")]),
            class("javax/x/Servlet", object, &[]),
        ]);
        let new = api(&[
            class("a/C", "a/Base", &[(PUBLIC, "run", "(I)V")]),
            class("a/Base", object, &[(PUBLIC, "stop", "()V")]),
            class("jakarta/x/Servlet", object, &[]),
        ]);
        let changes = diff(&old, &new);
        let of = |shown: &str| changes.iter().find(|change| change.shown() == shown).map(|c| c.what.clone());
        assert_eq!(
            of("a.C.run"),
            Some(What::Changed { was: "void run()".into(), now: "void run(int)".into() })
        );
        assert_eq!(of("a.C.stop"), None, "it is inherited");
        assert_eq!(of("javax.x.Servlet"), Some(What::MovedTo { now: "jakarta.x.Servlet".into() }));
    }
}
