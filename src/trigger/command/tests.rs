use super::*;

fn bump(package: &str, version: &str) -> Command {
    let version = (!version.is_empty()).then(|| version.to_owned());
    Command::Bump(Bump { package: package.into(), version })
}

fn one(comment: &str) -> Command {
    let mut commands = read_commands(comment);
    assert_eq!(commands.len(), 1, "{comment:?}: {commands:?}");
    commands.remove(0)
}

fn unclear(comment: &str) -> String {
    match one(comment) {
        Command::Unclear { why, .. } => why,
        other => panic!("{comment:?}: {other:?}"),
    }
}

#[test]
fn every_command_is_read() {
    let hint = |hint: &str| Command::Retry { hint: (!hint.is_empty()).then(|| hint.to_owned()) };
    for (comment, command) in [
        ("/agent retry", hint("")),
        ("/agent retry: use the new API  ", hint("use the new API")),
        ("/Agent Retry\r\nThe parser moved.\r\n", hint("The parser moved.")),
        ("/agent fix rename `a`", Command::Fix { instruction: "rename `a`".into() }),
        ("/agent fix\n\n```js\na()\n```", Command::Fix { instruction: "```js\na()\n```".into() }),
        ("/agent explain", Command::Explain),
        ("/agent explain why that failed", Command::Explain),
        ("/agent appeal the test was wrong", Command::Appeal { reason: "the test was wrong".into() }),
        ("/agent stop!", Command::Stop),
        ("Hm.\n\n/agent\tstop", Command::Stop),
        ("/agent\u{a0}stop", Command::Stop),
        ("/agent status", Command::Status),
        ("/agent help", Command::Help),
        ("/agent", Command::Help),
        ("/agent ?", Command::Help),
    ] {
        assert_eq!(one(comment), command, "{comment:?}");
    }
}

#[test]
fn a_bump_names_one_package_in_many_ways() {
    for (words, package, version) in [
        ("ms", "ms", ""),
        ("ms@2.1.3", "ms", "2.1.3"),
        ("`ms@2.1.3`.", "ms", "2.1.3"),
        ("`ms` to `2.1.3`", "ms", "2.1.3"),
        ("ms to v2.1.3", "ms", "2.1.3"),
        ("ms from 1.0.0 to 2.1.3, please", "ms", "2.1.3"),
        ("ms 2.1.3", "ms", "2.1.3"),
        ("ms@latest", "ms", ""),
        ("ms please", "ms", ""),
        ("@scope/name", "@scope/name", ""),
        ("@scope/name@1.0.0-rc.1+b", "@scope/name", "1.0.0-rc.1+b"),
        ("`all`", "all", ""),
        ("com.google.guava:guava", "com.google.guava:guava", ""),
        ("com.google.guava:guava@33.0.0-jre", "com.google.guava:guava", "33.0.0-jre"),
        ("com.google.guava:guava:33.0.0-jre", "com.google.guava:guava", "33.0.0-jre"),
        ("g:a@v3-rev1", "g:a", "v3-rev1"),
    ] {
        assert_eq!(one(&format!("/agent bump {words}")), bump(package, version), "{words}");
    }
}

#[test]
fn what_is_no_command_gets_a_reason_that_helps() {
    for (comment, says) in [
        ("/agent rtery", "did you mean `/agent retry`"),
        ("/agent cancel", "did you mean `/agent stop`"),
        ("/agent upgrade ms", "did you mean `/agent bump`"),
        ("/agent dance", "`/agent help` lists them"),
        ("/agent @everyone", "find that command"),
        ("/agent fix", "what to fix"),
        ("/agent fix <!-- hidden -->", "what to fix"),
        ("/agent appeal", "the reason"),
        ("/agent bump", "what to bump"),
        ("/agent bump everything", "which package"),
        ("/agent bump the dependencies", "which package"),
        ("/agent bump to 2.0.0", "which package"),
        ("/agent bump ../../etc", "which package"),
        ("/agent bump ms and qs", "one `/agent bump` per line"),
        ("/agent bump ms@^2.0.0", "an exact one"),
        ("/agent bump ms to", "the version"),
        ("/agent bump ms but only in web/", "what follows"),
    ] {
        let why = unclear(comment);
        assert!(why.contains(says), "{comment:?}: {why}");
    }
    let Command::Unclear { said, .. } = one(&format!("/agent da\u{202e}nce {}", "x".repeat(500))) else {
        panic!("understood")
    };
    assert!(said.starts_with("/agent dance x") && said.len() < 210, "{said}");
}

#[test]
fn what_is_quoted_shown_as_code_or_hidden_is_no_command() {
    for comment in [
        "> /agent stop",
        "> x\n/agent stop",
        "```\n/agent stop\n```",
        "~~~\r\n/agent stop\r\n~~~",
        "```\n/agent stop",
        "    /agent stop",
        " /agent stop",
        "- /agent stop",
        "<!--\n/agent stop\n-->",
        "<!--\n\n/agent stop\n\n-->",
        "<pre>\n\n/agent stop\n\n</pre>",
        "<blockquote>\n\n/agent stop\n\n</blockquote>",
        "<div> <!--\n\n/agent stop\n\n-->",
        "`x\n/agent stop\nx`",
        "Please write /agent stop",
        "\\/agent stop",
        "\u{200b}/agent stop",
        "```\nx\n\u{200b}```\n/agent stop\n```",
        "/agents stop",
        "/agent-stop",
        "/agent/stop",
    ] {
        assert_eq!(read_commands(comment), [], "{comment:?}");
    }
}

#[test]
fn several_commands_keep_their_order_and_their_words() {
    let comment = "/agent stop\n/agent fix a\nb\n<!-- c -->\n> d\n\n/agent retry e\n/agent help";
    assert_eq!(
        read_commands(comment),
        [
            Command::Stop,
            Command::Fix { instruction: "a\nb\n\n> d".into() },
            Command::Retry { hint: Some("e".into()) },
        ]
    );
    assert_eq!(read_commands("/agent stop\n\n/agent stop\n/agent status"), [Command::Stop, Command::Status]);
    assert_eq!(read_commands("/agent x\n/agent y").len(), 1);
    let long = format!("/agent fix {}", "é".repeat(INSTRUCTION));
    let Command::Fix { instruction } = one(&long) else { panic!("not understood") };
    assert!(instruction.len() <= INSTRUCTION + 3);
}

#[test]
fn the_distance_of_words_counts_letters() {
    for (a, b, far) in [("stop", "stop", 0), ("stop", "stpo", 1), ("fix", "fixx", 1), ("help", "", 4)] {
        assert_eq!(distance(a, b), far, "{a} {b}");
    }
}
