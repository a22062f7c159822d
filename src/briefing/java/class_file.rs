//! What a class file declares: its names, and those of its members.
//!
//! A class file is read only as far as that needs, without its code. It comes
//! from strangers: whatever does not read as the format says makes it no
//! class file. (The crates for it keep the code too, and either index a
//! constant pool that they trust or need `unsafe` to look at its names.)

/// Flags of classes and members.
pub(super) const PUBLIC: u16 = 0x0001;
pub(super) const PROTECTED: u16 = 0x0004;
pub(super) const STATIC: u16 = 0x0008;
pub(super) const FINAL: u16 = 0x0010;
pub(super) const INTERFACE: u16 = 0x0200;
pub(super) const ABSTRACT: u16 = 0x0400;
pub(super) const SYNTHETIC: u16 = 0x1000;
pub(super) const ANNOTATION: u16 = 0x2000;
pub(super) const ENUM: u16 = 0x4000;
/// As a member's flag; the same bit says `volatile` of a field.
pub(super) const BRIDGE: u16 = 0x0040;

/// One class, with names such as `java/lang/String`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Class {
    /// 8, 11, 17 …
    pub(super) java: u16,
    pub(super) flags: u16,
    pub(super) name: String,
    pub(super) superclass: Option<String>,
    pub(super) interfaces: Vec<String>,
    pub(super) fields: Vec<Member>,
    pub(super) methods: Vec<Member>,
    /// What an inner class says of itself, which its own flags do not.
    pub(super) inner_flags: Option<u16>,
    /// It is local or has no name.
    pub(super) is_local: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) flags: u16,
    pub(super) name: String,
    pub(super) descriptor: String,
    pub(super) throws: Vec<String>,
}

/// Bytes that are read from the front.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u1(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    fn u2(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.bytes(2)?.try_into().ok()?))
    }

    fn u4(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(self.bytes(4)?.try_into().ok()?)).ok()
    }
}

/// Entries that names are made of; all others are empty.
#[derive(Clone, Copy)]
enum Constant<'a> {
    Text(&'a [u8]),
    Class(u16),
    Other,
}

struct Pool<'a>(Vec<Constant<'a>>);

impl Pool<'_> {
    fn read<'a>(input: &mut Input<'a>) -> Option<Pool<'a>> {
        let count = usize::from(input.u2()?);
        let mut pool = vec![Constant::Other];
        while pool.len() < count {
            let tag = input.u1()?;
            pool.push(match tag {
                1 => {
                    let length = usize::from(input.u2()?);
                    Constant::Text(input.bytes(length)?)
                }
                7 => Constant::Class(input.u2()?),
                _ => {
                    let size = match tag {
                        8 | 16 | 19 | 20 => 2,
                        15 => 3,
                        3 | 4 | 9..=12 | 17 | 18 => 4,
                        5 | 6 => 8,
                        _ => return None,
                    };
                    input.bytes(size)?;
                    Constant::Other
                }
            });
            // Long and double take two places.
            if matches!(tag, 5 | 6) {
                pool.push(Constant::Other);
            }
        }
        Some(Pool(pool))
    }

    fn text(&self, index: u16) -> Option<String> {
        match self.0.get(usize::from(index))? {
            // Java's own form of UTF-8 differs for characters that no name
            // of a published interface has.
            Constant::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }

    fn class(&self, index: u16) -> Option<String> {
        match self.0.get(usize::from(index))? {
            Constant::Class(name) => self.text(*name),
            _ => None,
        }
    }
}

/// The class, or `None` when it is none.
pub(super) fn read(bytes: &[u8]) -> Option<Class> {
    let mut input = Input(bytes);
    if input.bytes(4)? != [0xca, 0xfe, 0xba, 0xbe] {
        return None;
    }
    input.u2()?;
    // Class files count from 45, which was Java 1.1.
    let java = input.u2()?.checked_sub(44)?;
    let pool = Pool::read(&mut input)?;
    let flags = input.u2()?;
    let name = pool.class(input.u2()?)?;
    let superclass = pool.class(input.u2()?);
    let mut interfaces = Vec::new();
    for _ in 0..input.u2()? {
        interfaces.push(pool.class(input.u2()?)?);
    }
    let fields = members(&mut input, &pool)?;
    let methods = members(&mut input, &pool)?;
    let mut class = Class {
        java,
        flags,
        name,
        superclass,
        interfaces,
        fields,
        methods,
        inner_flags: None,
        is_local: false,
    };
    for _ in 0..input.u2()? {
        let (attribute, content) = attribute(&mut input, &pool)?;
        match attribute.as_str() {
            "InnerClasses" => {
                let own = inner_flags(content, &pool, &class.name)?;
                class.inner_flags = class.inner_flags.or(own);
            }
            "EnclosingMethod" => class.is_local = true,
            _ => {}
        }
    }
    Some(class)
}

fn attribute<'a>(input: &mut Input<'a>, pool: &Pool<'_>) -> Option<(String, &'a [u8])> {
    let name = pool.text(input.u2()?)?;
    let length = input.u4()?;
    Some((name, input.bytes(length)?))
}

fn members(input: &mut Input<'_>, pool: &Pool<'_>) -> Option<Vec<Member>> {
    let mut found = Vec::new();
    for _ in 0..input.u2()? {
        let flags = input.u2()?;
        let (name, descriptor) = (pool.text(input.u2()?)?, pool.text(input.u2()?)?);
        let mut throws = Vec::new();
        for _ in 0..input.u2()? {
            let (attribute, content) = attribute(input, pool)?;
            if attribute == "Exceptions" {
                let mut content = Input(content);
                for _ in 0..content.u2()? {
                    throws.push(pool.class(content.u2()?)?);
                }
            }
        }
        found.push(Member { flags, name, descriptor, throws });
    }
    Some(found)
}

/// The flags of the class `name` in the list of inner classes.
fn inner_flags(content: &[u8], pool: &Pool<'_>, name: &str) -> Option<Option<u16>> {
    let mut content = Input(content);
    let mut found = None;
    for _ in 0..content.u2()? {
        let inner = pool.class(content.u2()?);
        content.u2()?;
        content.u2()?;
        let flags = content.u2()?;
        if inner.as_deref() == Some(name) {
            found = Some(flags);
        }
    }
    Some(found)
}

#[cfg(test)]
pub(in crate::briefing) mod tests {
    use super::*;

    /// A class file with this much in it, written by hand.
    pub(in crate::briefing) struct Written<'a> {
        pub(in crate::briefing) java: u16,
        pub(in crate::briefing) flags: u16,
        pub(in crate::briefing) name: &'a str,
        pub(in crate::briefing) superclass: &'a str,
        /// Flags, name, descriptor.
        pub(in crate::briefing) fields: &'a [(u16, &'a str, &'a str)],
        pub(in crate::briefing) methods: &'a [(u16, &'a str, &'a str)],
    }

    impl Written<'_> {
        pub(in crate::briefing) fn bytes(&self) -> Vec<u8> {
            let mut pool: Vec<u8> = Vec::new();
            let mut count = 1_u16;
            let mut text = |text: &str| {
                pool.push(1);
                pool.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
                pool.extend(text.as_bytes());
                count += 1;
                count - 1
            };
            let name = text(self.name);
            let superclass = text(self.superclass);
            let attribute = text("Deprecated");
            let mut members = Vec::new();
            for of in [self.fields, self.methods] {
                members.extend(u16::try_from(of.len()).unwrap().to_be_bytes());
                for (flags, name, descriptor) in of {
                    let parts = [*flags, text(name), text(descriptor), 1, attribute];
                    members.extend(parts.iter().flat_map(|part| part.to_be_bytes()));
                    members.extend(0_u32.to_be_bytes());
                }
            }
            // A long takes two places, and then the two classes.
            pool.push(5);
            pool.extend([0; 8]);
            for class in [name, superclass] {
                pool.push(7);
                pool.extend(class.to_be_bytes());
            }
            let (this, above) = (count + 2, count + 3);
            let mut bytes = vec![0xca, 0xfe, 0xba, 0xbe, 0, 0];
            bytes.extend((self.java + 44).to_be_bytes());
            bytes.extend((count + 4).to_be_bytes());
            bytes.extend(pool);
            for part in [self.flags, this, above, 0] {
                bytes.extend(part.to_be_bytes());
            }
            bytes.extend(members);
            bytes.extend([0, 0]);
            bytes
        }
    }

    const GREETER: Written<'_> = Written {
        java: 17,
        flags: PUBLIC,
        name: "a/b/Greeter",
        superclass: "java/lang/Object",
        fields: &[(PUBLIC | STATIC, "MAX", "I")],
        methods: &[(PUBLIC, "greet", "(Ljava/lang/String;)V")],
    };

    #[test]
    fn a_class_is_read() {
        let class = read(&GREETER.bytes()).unwrap();
        assert_eq!((class.java, class.name.as_str()), (17, "a/b/Greeter"));
        assert_eq!(class.superclass.as_deref(), Some("java/lang/Object"));
        assert_eq!((class.fields[0].name.as_str(), class.fields[0].flags), ("MAX", PUBLIC | STATIC));
        assert_eq!(class.methods[0].descriptor, "(Ljava/lang/String;)V");
    }

    #[test]
    fn no_part_of_a_class_and_no_changed_byte_of_one_ends_the_program() {
        let whole = GREETER.bytes();
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_none(), "{length}");
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut changed = whole.clone();
                changed[at] = value;
                // It may still be a class; it only must come back.
                assert!(read(&changed).is_none_or(|class| class.methods.len() < 65_536));
            }
        }
    }
}
