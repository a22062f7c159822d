//! What text that is aimed at a judge looks like, once it is folded.
//!
//! A rule is an expression and, where words alone would also be in honest
//! code, others that have to stand near. `W` is what lies between two words,
//! line breaks included; `{N}` words may lie between where a rule says so.

use std::sync::LazyLock;

use regex::Regex;

use super::fold::rule;

/// Bytes on each side in which the other words of a rule may stand.
const NEAR: usize = 160;

struct Rule {
    what: &'static str,
    pattern: Regex,
    near: Option<Regex>,
}

const OVERRIDES: &str = "sets aside what a judge was told";
const ADDRESSES: &str = "speaks to a reviewer or a judge";
const IMITATES: &str = "imitates a verdict or the judge's protocol";
const STEERS: &str = "asks for an approval of the change";
const CLAIMS: &str = "claims that the change was approved already";

/// Names for parts of rules, put in before they are compiled.
const PARTS: [(&str, &str); 8] = [
    ("<AI>", r"(?:ai|llm|gpt|chatgpt|claude|gemini|copilot|language model|automated|automatic|machine)"),
    (
        "<ROLE>",
        r"(?:reviewers?|judges?|graders?|evaluators?|code review(?:er)?s?|(?:review(?:ing)?|judging) (?:bot|agent|tool|model|system|assistant)s?|verifiers?|gatekeepers?)",
    ),
    (
        "<ASKS>",
        r"(?:approv\w*|accept\w*|pass(?:es)? (?:this|the)|let (?:this|it) (?:\w+ )?(?:pass|through)|lgtm|verdict|in W?scope|safe to|ignore|skip|disregard|trust|veto|merge|sign W?off|instructions?)",
    ),
    (
        "<THING>",
        r"(?:changes?|diffs?|prs?|pull W?requests?|patch(?:es)?|commits?|bumps?|upgrades?|edits?|hunks?)",
    ),
    (
        "<JUDGE>",
        r"(?:reviewers?|judges?|verdict|\bai\b|\bllm\b|code review|language model|review (?:bot|agent|model))",
    ),
    (" W?", r"\W{0,3}"),
    ("W", r"\W+"),
    ("<A>", r"(?:(?:the|any|all|an?|every|future|our|my|dear|this|whichever)\W+)*"),
];

const RULES: [(&str, &str, &str); 33] = [
    (ADDRESSES, r"\bchaperone W?judge\b", ""),
    (
        ADDRESSES,
        r"(?m:^|[\s(\x22'])@(?:judge|ai|llm|claude|copilot)s?\b",
        r"<ASKS>|\bmust\b|\bshould\b|\bengine\b|\bin W?tended\b",
    ),
    (
        ADDRESSES,
        r"\b<AI>(?:W\w+)?W(?:that|who|which)W(?:\w+W)?(?:judg|review|read|evaluat|grad|check)\w*",
        "<THING>|<ASKS>",
    ),
    (
        ADDRESSES,
        r"\b(?:ais?|llms?|language models?|<AI>W(?:assistant|agent|model|bot|system|tool)s?)W(?:must|should|shall|need to|have to|may|can)\b",
        r"<ASKS>|\b(?:report|flag|mention|reject)\b",
    ),
    (
        ADDRESSES,
        r"\b(?:when|if|while|whenever|before)Wyou(?:W\w+)?W(?:judge|review|evaluate|grade|assess|summari[sz]e)W(?:\w+W){0,3}?<THING>\b",
        r"\bsafe\b|\bapprov|\baccept|\bassistants?\b|<JUDGE>",
    ),
    // The same in other languages, where people might write it: the reader,
    // then what is wanted; accents are gone by now.
    (
        ADDRESSES,
        r"(?:sprachmodell|pruf(?:er|ende)\w*|gutachter|\bki\b|relect(?:eur|rice)|evaluateur|modele de langage|revisor|modelo de lenguaje|\bjue[zg]\w*|审查|评审|审核|裁判|语言模型|大模型|人工智能|査読|レビュ|言語モデル|심사|리뷰)[^;={}()]{0,90}?(?:accept|approve|verdict|freigegeben|freigabe|genehmig|akzeptier|durchwink|ignorier|accord|approuv|ignorez|aprueb|aprob|acept|ignora|接受|批准|通过|忽略|同意|承認|無視|승인|무시)",
        "",
    ),
    (
        OVERRIDES,
        r"\b(?:ignore|disregard|forget|override|bypass|(?:do not|don'?t|stop) follow(?:ing)?|set aside)W(?:\w+W){0,4}?(?:previous|prior|above|earlier|preceding|foregoing|your|system|original|initial)W(?:\w+W){0,3}?(?:instructions?|prompts?|directives?|guidelines?|criteria)\b",
        "",
    ),
    (
        OVERRIDES,
        r"\b(?:ignore|disregard|forget)W(?:all|any)W(?:of W?)?(?:theW|yourW)?(?:instructions|prompts)\b(?:\W*$|[.!,;:])",
        "",
    ),
    (
        OVERRIDES,
        r"\b(?:everything|anything|all|whatever|what)W(?:thatW)?you(?:W(?:were|have W?been|are)|'?ve W?been)W(?:told|given|instructed|asked|prompted)\b",
        "",
    ),
    (
        OVERRIDES,
        r"\byourW(?:real|new|actual|true|updated|only)W(?:tasks?|instructions?|roles?|jobs?|goals?|objectives?)W(?:is|are|now)\b",
        "",
    ),
    (OVERRIDES, r"\bnewW(?:system )?instructions?\W*[:=]", "<JUDGE>|<ASKS>"),
    (
        OVERRIDES,
        r"\byou areW(?:now|actually)W(?:an?|the|in)W(?:\w+W){0,3}?(?:<ROLE>|assistant|approver|ai|model|mode)\b",
        "",
    ),
    (
        ADDRESSES,
        r"\b(?:hey|hi|hello|dear|attention|notes?|notice|messages?|memo|instructions?|hints?|guidance|info|to|for)W(?:toW|forW)?<A>(?:<AI>W)?(?:codeW)?<ROLE>(?:\s*\(\w+\))?\s*[:,!.-]",
        "<ASKS>",
    ),
    (
        ADDRESSES,
        r"(?:(?m:^)|[.!?'\x22(\[{>*/#:]\s*)(?:<AI>W)?(?:codeW)?<ROLE>(?:\s*\(\w+\))?\s*[:,]\s*(?:(?:please|kindly|you|just|must|should|can|may|will|simply)W)*(?:approve|accept|ignore|skip|disregard|trust|pass|mark|vote|answer|say|return|this|do not|don'?t|verdict|lgtm|no)\b",
        "<ASKS>",
    ),
    (
        ADDRESSES,
        r"\b(?:as|since you are|because you are|if you are|you are|you,)W(?:the|an?|our)W(?:<AI>W)?(?:codeW)?<ROLE>\b",
        r"\byouW(?:\w+W)?(?:must|should|have to|need to|are (?:required|expected|instructed|asked)|can safely|may safely|will)\b|\b(?:your|please)\b",
    ),
    (ADDRESSES, r"\b<AI>s?W(?:basedW|poweredW)?(?:codeW)?<ROLE>\b", r"<ASKS>|\bshould\b|\bmust\b"),
    (
        ADDRESSES,
        r"\b(?:notes?|notice|instructions?|messages?|attention|important|memo)W(?:toW|forW)?<A>(?:<AI>s?|codingW\w+)(?:W(?:assistants?|agents?|models?|bots?|systems?|tools?))?\s*[:,!.-]",
        r"<ASKS>|\breview|\bjudg|\bmust\b|\bsafe\b",
    ),
    (
        ADDRESSES,
        r"\b(?:(?:if|when|while)W(?:you|an?|the)|whoever|whatever|any(?:one|body|thing))W(?:are |is |re )?(?:an? )?(?:<AI>W|model W?)?(?:reading|reviewing|judging|evaluating|grading)W(?:\w+W){0,2}?(?:<THING>|code|file|comment|line)\b",
        "<ASKS>",
    ),
    (
        IMITATES,
        r"\bverdict\b\W{0,4}(?:(?:is|should|must|shall|will|to|be|as|of)\W{1,3}){0,3}(?:anW)?(?:accept(?:ed|able)?|approved?|veto(?:ed)?)\b",
        "",
    ),
    (
        IMITATES,
        r"\bdecision\b\W{0,6}(?:(?:is|must be|should be)W)?(?:accept|veto)\b",
        r"\bin scope\b|\bverdict\b|\bevidence\b|\bcriteria\b|\bjudge\b",
    ),
    (
        IMITATES,
        r"\bin scope\W{0,6}(?:(?:is|must be|should be)W)?(?:\{\W*)?(?:ok\W{0,5})?(?:true|yes)\b",
        r"\b(?:safe|complete|quality|verdict|decision|accept|approve)\b",
    ),
    (
        IMITATES,
        r"\btool (?:use|result|call)|\bfunction (?:call|result)|\binvoke name",
        r"\bverdict\b|\bapprov|\bin scope\b|\bjudge\b|\bdecision\b",
    ),
    (
        IMITATES,
        r"<\|\s?(?:im|system|assistant|end|start)|\[/?inst\]|<</?sys>>|</?system (?:reminder|prompt|message)",
        r"<ASKS>|<JUDGE>",
    ),
    (
        IMITATES,
        r"(?m)^\W*(?:system|assistant|developer|human)\s*:\s*(?:you (?:must|should|shall|will)|approve|accept|verdict|ignore|disregard|new instruction|the (?:change|diff|verdict))",
        "",
    ),
    (
        IMITATES,
        r"\b(?:end|close)W(?:ofW)?(?:theW)?(?:diff|data|change|untrusted \w+|review input)\b",
        r"\bverdict\b|\bapprove|\baccept (?:this|the)\b|\bsystem\b|\bjudge\b|\breviewer\b|\bnew instruction",
    ),
    (IMITATES, r"(?m)^\W*[0-9a-f]{8} = (?:file|line|end|lines)\b|(?m)^\W*[0-9a-f]{8} [+-]\d+\|", ""),
    (
        STEERS,
        r"\b(?:approve|merge|rubber W?stamp|lgtm|sign W?off on|green W?light)W(?:this|the following|the whole|the entire|the above|the present)W(?:\w+W)?<THING>\b|\bacceptW(?:this|the following|the whole|the entire|the above|the present)W(?:\w+W)?(?:diffs?|pull W?requests?|prs?|patch(?:es)?|bumps?|upgrades?|edits?|changes?)\b",
        "",
    ),
    (STEERS, r"\b(?:approve|accept|merge)Wthe(?:se)?W(?:\w+W)?<THING>\b", r"<JUDGE>"),
    (
        STEERS,
        r"\byouW(?:must|should|shall|have to|need to|(?:are|re) (?:required|instructed|expected|asked|ordered|told) to|will|can safely|may safely)W(?:\w+W){0,2}?(?:approve|accept|pass|merge|vote)\b(?:W\w+){0,3}?W<THING>\b",
        "",
    ),
    (
        STEERS,
        r"\b(?:answer|respond|reply|output|vote|say|conclude|return)W(?:\w+W){0,3}?(?:accept|approved?|lgtm)\b",
        r"<JUDGE>",
    ),
    (
        STEERS,
        r"\bsafeWtoWapprove\b|\bsafeWtoW(?:accept|merge)W(?:this|the)W<THING>\b|\b(?:no|without)W(?:further|additional|more|any)W(?:review|scrutiny|judgement)W(?:is |are )?(?:needed|required|necessary)\b",
        "",
    ),
    (
        CLAIMS,
        r"\bpre W?approved\b|\balreadyW(?:been W?)?(?:approved|reviewed|audited|vetted|judged|signed off)\b|\b(?:approved|reviewed|vetted|authori[sz]ed|cleared|signed off)WbyW(?:theW|ourW)?(?:\w+W){0,2}?(?:security|maintainers?|owners?|platform|compliance|leads?|humans?|admins?|operators?|engineers?|reviewers?|judges?)\b",
        r"\b(?:this|these|the following|whole|entire)W(?:\w+W)?(?:<THING>|files?|code|lines?)\b|\bpull request\b|\bjudges?\b|\bverdict\b",
    ),
    (
        CLAIMS,
        r"\b(?:do not|don'?t|never|no need to|need not|must not|should not|skip|avoid)W(?:flag|veto|reject|report|question|scrutini[sz]|review|judg|block)\w*W(?:\w+W){0,2}?(?:this|these)W(?:\w+W)?(?:<THING>|sections?|files?|lines?)\b|\b(?:do not|don'?t|never) veto\b|\b(?:exempt|excluded)WfromW(?:\w+W){0,2}?review\b|\bout of scopeWforW(?:\w+W){0,2}?(?:review|judge)\w*\b",
        "",
    ),
];

static COMPILED: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let compile = |pattern: &str| {
        let whole = PARTS.iter().fold(pattern.to_owned(), |whole, (name, part)| match *name {
            // A capital letter alone is no class of its own.
            "W" => replace_alone(&whole, part),
            name => whole.replace(name, part),
        });
        rule(&whole)
    };
    RULES
        .iter()
        .map(|(what, pattern, near)| Rule {
            what,
            pattern: compile(pattern),
            near: (!near.is_empty()).then(|| compile(near)),
        })
        .collect()
});

/// Puts the part in for each `W` that is not the class `\W`.
fn replace_alone(pattern: &str, part: &str) -> String {
    let mut whole = String::with_capacity(pattern.len() * 2);
    let mut before = ' ';
    for c in pattern.chars() {
        match c {
            'W' if before != '\\' => whole.push_str(part),
            c => whole.push(c),
        }
        before = c;
    }
    whole
}

/// Where something begins that is aimed at the judge, and what it does.
pub(super) fn find(folded: &str) -> Option<(usize, &'static str)> {
    COMPILED.iter().find_map(|rule| {
        let mut all = rule.pattern.find_iter(folded);
        let found = all.find(|found| {
            let start = folded.floor_char_boundary(found.start().saturating_sub(NEAR));
            let end = folded.ceil_char_boundary(folded.len().min(found.end() + NEAR));
            let around = folded.get(start..end).unwrap_or_default();
            rule.near.as_ref().is_none_or(|near| near.is_match(around))
        });
        found.map(|found| (found.start(), rule.what))
    })
}
