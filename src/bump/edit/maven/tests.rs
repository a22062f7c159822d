//! The edit of Maven manifests, claim by claim.

use super::*;

fn texts(files: &[(&str, &str)]) -> Texts {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

fn change(name: &str, from: &str, to: &str) -> Change {
    Change { name: name.to_owned(), from: from.to_owned(), to: to.to_owned() }
}

/// Edits one pom, whose old version is `1.0`, to `2.0`.
fn moved(pom: &str) -> Result<String, Refused> {
    let edited = edit(&texts(&[("pom.xml", pom)]), &change("g:a", "1.0", "2.0"))?;
    Ok(edited.into_values().next().unwrap())
}

const GA: &str = "<groupId>g</groupId><artifactId>a</artifactId>";

fn dependency(version: &str) -> String {
    format!("<dependency>{GA}<version>{version}</version></dependency>")
}

#[test]
fn a_version_is_moved_wherever_it_can_stand() {
    for place in [
        "<parent>@</parent>",
        "<dependencies><dependency>@</dependency></dependencies>",
        "<dependencyManagement><dependencies><dependency>@</dependency></dependencies></dependencyManagement>",
        "<dependencyManagement><dependencies><dependency>@<scope>import</scope></dependency></dependencies></dependencyManagement>",
        "<build><plugins><plugin>@</plugin></plugins></build>",
        "<build><pluginManagement><plugins><plugin>@</plugin></plugins></pluginManagement></build>",
        "<build><plugins><plugin><artifactId>p</artifactId><dependencies><dependency>@</dependency></dependencies></plugin></plugins></build>",
        "<profiles><profile><id>x</id><dependencies><dependency>@</dependency></dependencies></profile></profiles>",
        "<reporting><plugins><plugin>@</plugin></plugins></reporting>",
        "<build><extensions><extension>@</extension></extensions></build>",
        "<build><plugins><plugin><configuration><annotationProcessorPaths><path>@</path></annotationProcessorPaths></configuration></plugin></plugins></build>",
        "<build><plugins><plugin><executions><execution><configuration><artifactItems><artifactItem>@</artifactItem></artifactItems></configuration></execution></executions></plugin></plugins></build>",
    ] {
        let at = |version: &str| {
            let filled = place.replace('@', &format!("{GA}<version>{version}</version>"));
            format!("<project><version>1.0</version>{filled}</project>")
        };
        assert_eq!(moved(&at("1.0")).unwrap(), at("2.0"), "{place}");
        assert_eq!(declarations(&texts(&[("pom.xml", &at("1.0"))])).unwrap().len(), 1, "{place}");
    }
}

#[test]
fn a_plugin_without_a_group_is_one_of_mavens_own() {
    let pom = "<project><build><plugins><plugin><artifactId>maven-jar-plugin</artifactId><version>3.0</version></plugin></plugins></build></project>";
    for name in ["org.apache.maven.plugins:maven-jar-plugin", "maven-jar-plugin"] {
        let edited = edit(&texts(&[("pom.xml", pom)]), &change(name, "3.0", "3.4")).unwrap();
        assert_eq!(edited["pom.xml"], pom.replace("3.0", "3.4"));
    }
    assert!(edit(&texts(&[("pom.xml", pom)]), &change("g:maven-jar-plugin", "3.0", "3.4")).is_err());
}

#[test]
fn only_the_bytes_of_the_version_change() {
    for frame in [
        "<project>@</project>",
        "\u{feff}<project>@</project>",
        " \n<?xml version=\"1.0\"?>\r\n<project>\r\n\t@\r\n</project>\r\n\r\n",
        "<!DOCTYPE project>\n<project>@</project>",
        "<!DOCTYPE project SYSTEM \"http://nowhere.invalid/x.dtd\"><project>@</project>",
        "<project xsi:schemaLocation='>'><name>S&oslash;ren &amp; co & others</name>@</project>",
        "<project><!-- <version>1.0</version> --><a b='1.0'/>@<version>1.0</version></project>",
        "<project><![CDATA[1.0]]>@é中😀</project>",
    ] {
        if frame.contains("& others") {
            assert!(moved(frame).is_err(), "a bare & is no XML");
            continue;
        }
        for version in [
            "1.0",
            " 1.0 ",
            "\r\n\t1.0\r\n",
            "1.0<!-- x -->",
            "<!-- 1.0 -->1.0",
            "<![CDATA[1.0]]>",
            " <![CDATA[ 1.0 ]]> <!-- -->",
            "1.0<?x 1.0?>",
        ] {
            let pom = frame.replace('@', &dependency(version));
            let mark = version.rfind("1.0").filter(|_| version.ends_with("-->") || version.ends_with("?>"));
            let new = match mark {
                Some(_) if !version.starts_with("<!") => version.replacen("1.0", "2.0", 1),
                _ => version.replace("1.0", "2.0").replace("<!-- 2.0", "<!-- 1.0"),
            };
            assert_eq!(moved(&pom).unwrap(), frame.replace('@', &dependency(&new)), "{pom}");
        }
    }
    assert_eq!(
        moved(&format!("<project>{}</project>", dependency("1&#46;0"))).unwrap(),
        format!("<project>{}</project>", dependency("2.0"))
    );
    let named = "<m:project xmlns:m='x'><m:dependency><m:groupId>g</m:groupId><m:artifactId>a</m:artifactId><m:version>1.0</m:version></m:dependency></m:project>";
    assert_eq!(moved(named).unwrap(), named.replace("1.0", "2.0"));
}

#[test]
fn a_property_is_followed_to_where_it_is_written() {
    for (properties, version, moved_properties) in [
        ("<v>1.0</v>", "${v}", "<v>2.0</v>"),
        ("<v> 1.0<!-- x --></v>", " ${v} ", "<v> 2.0<!-- x --></v>"),
        ("<v>${w}</v><w>1.0</w>", "${v}", "<v>${w}</v><w>2.0</w>"),
        ("<v>1</v>", "${v}.0", "<v>2</v>"),
        ("<v>1</v><z>0</z>", "${v}.${z}", "<v>2</v><z>0</z>"),
        ("<v>[1.0,2.0)</v>", "${v}", "<v>[1.0,3.0)</v>"),
        ("<v>1.0</v>", "[${v}]", "<v>2.0</v>"),
        ("<v>1.0</v><u>1.0</u>", "${v}", "<v>2.0</v><u>1.0</u>"),
    ] {
        let pom = |properties: &str| {
            format!("<project><properties>{properties}</properties>{}</project>", dependency(version))
        };
        assert_eq!(moved(&pom(properties)).unwrap(), pom(moved_properties), "{version}");
    }
}

#[test]
fn a_suffix_behind_a_property_stays() {
    let pom = |value: &str| {
        format!("<project><properties><v>{value}</v></properties>{}</project>", dependency("${v}-jre"))
    };
    let run = |to: &str| edit(&texts(&[("pom.xml", &pom("31.0"))]), &change("a", "31.0-jre", to));
    assert_eq!(run("33.0-jre").unwrap()["pom.xml"], pom("33.0"));
    assert!(run("33.0-android").unwrap_err().to_string().contains("${v}-jre"));
}

#[test]
fn a_profile_has_properties_of_its_own() {
    let pom = |plain: &str, profile: &str| {
        format!(
            "<project><properties><v>{plain}</v></properties>{}<profiles><profile><id>p</id><properties><v>{profile}</v>\
             </properties></profile></profiles></project>",
            dependency("${v}")
        )
    };
    assert_eq!(moved(&pom("1.0", "0.5")).unwrap(), pom("2.0", "0.5"));
    assert_eq!(moved(&pom("0.5", "1.0")).unwrap(), pom("0.5", "2.0"));
    assert_eq!(moved(&pom("1.0", "1.0")).unwrap(), pom("2.0", "2.0"));
}

#[test]
fn a_property_can_be_declared_in_another_file() {
    let child = |parent: &str| {
        format!(
            "<project><parent>{GA}{parent}</parent>{}</project>",
            dependency("${v}").replace(">a<", ">lib<")
        )
    };
    let pom = |value: &str| {
        format!("<project>{GA}<version>7</version><properties><v>{value}</v></properties></project>")
    };
    for (path, relative) in [
        ("pom.xml", ""),
        ("pom.xml", "<relativePath>..</relativePath>"),
        ("parents/pom.xml", "<relativePath>../parents</relativePath>"),
        ("parents/p.xml", "<relativePath>../parents/p.xml</relativePath>"),
        ("elsewhere/pom.xml", "<relativePath/>"),
        ("elsewhere/pom.xml", "<relativePath>../../../pom.xml</relativePath>"),
    ] {
        let child = child(relative);
        let files = texts(&[(path, &pom("1.0")), ("m/pom.xml", &child), ("z/pom.xml", "<project/>")]);
        let wanted = texts(&[(path, &pom("2.0")), ("m/pom.xml", &child), ("z/pom.xml", "<project/>")]);
        assert_eq!(edit(&files, &change("g:lib", "1.0", "2.0")).unwrap(), wanted, "{path}");
        let all = declarations(&files).unwrap();
        let lib = all.iter().find(|one| one.artifact == "lib").unwrap();
        let holder = Holder { name: "v".into(), path: path.into() };
        assert_eq!((lib.version.as_deref(), lib.property.as_ref()), (Some("1.0"), Some(&holder)));
    }
}

#[test]
fn the_nearest_declaration_of_a_property_counts() {
    let root = format!("<project>{GA}<properties><v>1.0</v></properties></project>");
    let child = |value: &str| {
        format!(
            "<project><parent>{GA}</parent><properties><v>{value}</v></properties>{}</project>",
            dependency("${v}").replace(">a<", ">lib<")
        )
    };
    let files = texts(&[("pom.xml", &root), ("m/pom.xml", &child("1.0"))]);
    let wanted = texts(&[("pom.xml", &root), ("m/pom.xml", &child("2.0"))]);
    assert_eq!(edit(&files, &change("g:lib", "1.0", "2.0")).unwrap(), wanted);
}

#[test]
fn the_old_version_says_which_declarations_are_meant() {
    let pom = |a: &str, b: &str, c: &str| {
        format!("<project>{}{}{}</project>", dependency(a), dependency(b), dependency(c))
    };
    assert_eq!(moved(&pom("1.0", "1.0", "0.9")).unwrap(), pom("2.0", "2.0", "0.9"));
    assert_eq!(moved(&pom("[1.0]", "3.0", "0.9")).unwrap(), pom("[2.0]", "3.0", "0.9"));
    // A stale title: there is one older version, and one only.
    assert_eq!(moved(&pom("1.1", "1.1", "2.0")).unwrap(), pom("2.0", "2.0", "2.0"));
    assert_eq!(moved(&pom("2.0", "2.0", "2.0")).unwrap(), pom("2.0", "2.0", "2.0"));
    for (pom, word) in [
        (pom("1.1", "1.2", "1.2"), "1.1, 1.2"),
        (pom("3.0", "3.0", "3.0"), "3.0"),
        (pom("1.1", "1.1", "${elsewhere}"), "elsewhere"),
    ] {
        let why = moved(&pom).unwrap_err().to_string();
        assert!(why.contains(word), "{why}");
    }
}

#[test]
fn a_name_can_be_an_artifact_a_property_a_project_or_a_group() {
    let pom = |version: &str| {
        format!(
            "<project><properties><kit.version>{version}</kit.version></properties>{}</project>",
            dependency("${kit.version}")
        )
    };
    for name in ["g:a", "a", "kit.version", "kit", "g"] {
        let edited = edit(&texts(&[("pom.xml", &pom("1.0"))]), &change(name, "1.0", "2.0")).unwrap();
        assert_eq!(edited["pom.xml"], pom("2.0"), "{name}");
    }
    for name in ["x:a", "ki", "it.version", "kit:a", ""] {
        assert!(edit(&texts(&[("pom.xml", &pom("1.0"))]), &change(name, "1.0", "2.0")).is_err(), "{name}");
    }
    let two = format!("<project>{}{}</project>", dependency("1.0"), dependency("1.0").replace(">g<", ">h<"));
    let why = edit(&texts(&[("pom.xml", &two)]), &change("a", "1.0", "2.0")).unwrap_err().to_string();
    assert_eq!(why, "could not tell which a is meant: it is in g and h");
}

#[test]
fn what_cannot_be_edited_is_refused_with_the_reason() {
    let with = |properties: &str, version: &str| {
        format!(
            "<project><version>1.0</version><parent>{GA}x<version>1.0</version></parent><properties>{properties}</properties>{}</project>",
            dependency(version).replace("<dependency>", "<dependency><x/>")
        )
    };
    for (properties, version, word) in [
        ("<v>${w}</v><w>${v}</w>", "${v}", "v → w → v"),
        ("<v>${v}</v>", "${v}", "stands for itself"),
        ("", "${nowhere}", "where the property nowhere is declared"),
        ("", "${project.version}", "the project itself"),
        ("", "${project.parent.version}", "the project's parent"),
        ("<a>1</a><b>0</b>", "${a}.${b}5", "stands for 2.0"),
        ("<v>1</v>", "${v}.${v}", "stands for 2.0"),
        ("", "1<!-- x -->.0", "a comment parts it"),
        ("", "[3.0,4.0)", "into the range"),
    ] {
        let pom =
            with(properties, version).replace("<parent><groupId>g</groupId>", "<parent><groupId>p</groupId>");
        let why = moved(&pom).unwrap_err().to_string();
        assert!(why.starts_with("could not ") && why.contains(word), "{version}: {why}");
    }
    let revision = format!(
        "<project><version>${{revision}}</version><properties><revision>1.0</revision></properties>{}</project>",
        dependency("${revision}")
    );
    assert!(moved(&revision).unwrap_err().to_string().contains("version of the project pom.xml"));
    for (pom, word) in [
        ("", "read pom.xml"),
        ("<project>", "read pom.xml"),
        ("<!DOCTYPE p [<!ENTITY a 'b'>]><project/>", "it declares entities"),
        ("<settings/>", "find a version of g:a"),
        ("<project/>", "find a version of g:a in pom.xml"),
    ] {
        let why = moved(pom).unwrap_err().to_string();
        assert!(why.contains(word), "{pom}: {why}");
    }
    for version in ["", "1 0", "<x>", "${x}", "1\n", "a&b"] {
        let files = texts(&[("pom.xml", &format!("<project>{}</project>", dependency("1.0")))]);
        assert!(edit(&files, &change("g:a", "1.0", version)).is_err(), "{version}");
    }
}

#[test]
fn extensions_and_the_wrapper_are_edited_and_a_stale_checksum_is_not_left() {
    let extensions = |version: &str| {
        format!("<extensions><extension>{GA}<version>{version}</version></extension></extensions>")
    };
    let edited =
        edit(&texts(&[(".mvn/extensions.xml", &extensions("1.0"))]), &change("g:a", "1.0", "2.0")).unwrap();
    assert_eq!(edited[".mvn/extensions.xml"], extensions("2.0"));

    let path = ".mvn/wrapper/maven-wrapper.properties";
    let wrapper = |version: &str| {
        format!(
            "a=1.0\r\ndistributionUrl=https\\://r/apache-maven/{version}/apache-maven-{version}-bin.zip\r\n"
        )
    };
    for name in ["org.apache.maven:apache-maven", "apache-maven"] {
        let edited = edit(&texts(&[(path, &wrapper("3.9.6"))]), &change(name, "3.9.6", "3.9.11")).unwrap();
        assert_eq!(edited[path], wrapper("3.9.11"));
    }
    let pinned = wrapper("3.9.6") + "distributionSha256Sum=0123\n";
    let why = edit(&texts(&[(path, &pinned)]), &change("apache-maven", "3.9.6", "3.9.11")).unwrap_err();
    assert!(why.to_string().contains("distributionSha256Sum"), "{why}");
}

#[test]
fn declarations_say_where_and_what() {
    let pom = "<project><groupId>com.x</groupId><properties><v>${w}</v><w>1</w></properties>\
        <dependencies><dependency><groupId>${project.groupId}</groupId><artifactId>a</artifactId><version>${v}.0</version></dependency>\
        <dependency><groupId>h</groupId><artifactId>managed</artifactId></dependency>\
        <dependency><groupId>h</groupId><artifactId>b</artifactId><version>${up}</version><exclusions><exclusion><groupId>z</groupId><artifactId>z</artifactId><version>1</version></exclusion></exclusions></dependency></dependencies>\
        <profiles><profile><id>p</id><build><plugins><plugin><artifactId>q</artifactId><version>3</version></plugin></plugins></build></profile></profiles></project>";
    let all = declarations(&texts(&[("pom.xml", pom), ("other.json", "{")])).unwrap();
    let seen: Vec<_> = all
        .iter()
        .map(|one| {
            (
                one.place,
                one.group.as_deref(),
                one.artifact.as_str(),
                one.version.as_deref(),
                one.profile.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Place::Dependency, Some("com.x"), "a", Some("1.0"), None),
            (Place::Dependency, Some("h"), "b", None, None),
            (Place::Plugin, Some("org.apache.maven.plugins"), "q", Some("3"), Some("p")),
        ]
    );
    assert_eq!(all[0].property, Some(Holder { name: "w".into(), path: "pom.xml".into() }));
    assert_eq!((all[1].written.as_str(), all[1].property.as_ref()), ("${up}", None));
}

#[test]
fn a_mangled_pom_is_edited_or_refused_but_nothing_else_changes() {
    let pom = format!(
        "\u{feff}<?xml version='1.0'?>\r\n<project xmlns='x'>{GA}<version>9</version><properties><v>${{w}}</v><w>1.0</w><r>[1.0,2)</r></properties>\
         <!-- é -->{}{}{}<![CDATA[x]]>&oslash;</project>\n",
        dependency("${v}"),
        dependency(" 1.0<!-- y -->"),
        dependency("${r}")
    );
    let wrapper = "distributionUrl=https\\://r/apache-maven/1.0/apache-maven-1.0-bin.zip";
    let mut seed: u64 = 42;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    let pieces = [
        "<",
        ">",
        "${",
        "}",
        "${v}",
        "&",
        "]]>",
        "<!--",
        "-->",
        "'",
        "/",
        "1.0",
        "<version>",
        "é",
        "\u{0}",
        "[",
        ",",
    ];
    let mut edited_ones = 0;
    for _ in 0..4_000 {
        let mut mangled: Vec<char> = pom.chars().collect();
        for _ in 0..=random(3) {
            let at = random(mangled.len());
            match random(3) {
                0 => drop(mangled.drain(at..(at + 1 + random(6)).min(mangled.len()))),
                _ => drop(mangled.splice(at..at, pieces[random(pieces.len())].chars())),
            }
        }
        let mangled: String = mangled.into_iter().collect();
        let files = texts(&[("pom.xml", &mangled), ("maven-wrapper.properties", wrapper)]);
        if let Ok(edited) = edit(&files, &change("g:a", "1.0", "2.0")) {
            edited_ones += 1;
            let skeleton = |text: &str| {
                text.replace("[1.0,2)", "R").replace("[1.0,3)", "R").replace("1.0", "@").replace("2.0", "@")
            };
            assert_eq!(skeleton(&edited["pom.xml"]), skeleton(&mangled));
            assert_eq!(edited["maven-wrapper.properties"], wrapper);
        }
        let all = declarations(&files);
        let pinned = add_managed(&mangled, "g", "b", "2.0");
        let set = set_property(&mangled, "v", "2.0");
        // What could be read before can still be read with the addition.
        for changed in [pinned, set].into_iter().flatten() {
            assert!(all.is_ok() && declarations(&texts(&[("pom.xml", &changed)])).is_ok(), "{changed}");
        }
    }
    assert!(edited_ones > 100, "{edited_ones}");
}

#[test]
fn a_hostile_pom_costs_little() {
    let doubling: String = (0..60).map(|n| format!("<p{n}>${{p{0}}}${{p{0}}}</p{n}>", n + 1)).collect();
    let twice: String = (0..60).map(|n| format!("<p{n}>${{p{}}}</p{n}>", n + 1)).collect();
    let deep = "<a>".repeat(50_000) + &"</a>".repeat(50_000);
    let ands = "&".repeat(300_000);
    for inside in [
        format!("<properties>{doubling}<p60>1.0</p60></properties>"),
        format!(
            "<properties>{twice}<p60>1.0</p60></properties><profiles><profile><properties>{twice}<p60>1.0</p60></properties></profile></profiles>"
        ),
        deep,
        ands,
    ] {
        let pom = format!("<project>{inside}{}</project>", dependency("${p0}"));
        assert!(moved(&pom).is_err());
    }
}
