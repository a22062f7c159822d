//! As much of Markdown as is written on GitHub here. All text is escaped; of
//! HTML only the tags of a collapsed part are let through.

use maud::{Markup, PreEscaped, html};

/// A text as HTML.
pub(super) fn markdown(text: &str) -> Markup {
    let mut out = String::new();
    let mut fence: Option<String> = None;
    let (mut table, mut list, mut comment) = (0, false, false);
    for line in text.lines() {
        if let Some(end) = &fence {
            if line.trim() == end {
                out.push_str("</code></pre>");
                fence = None;
            } else {
                out.push_str(&escape(line));
                out.push('\n');
            }
            continue;
        }
        if comment || line.starts_with("<!--") {
            comment = !line.contains("-->");
            continue;
        }
        let is_row = line.starts_with('|');
        if !is_row && table > 0 {
            out.push_str("</table>");
            table = 0;
        }
        let item = line.trim_start().strip_prefix("- ").or_else(|| line.trim_start().strip_prefix("* "));
        if item.is_none() && list {
            out.push_str("</ul>");
            list = false;
        }
        let mark: String = line.chars().take_while(|c| *c == '`').collect();
        if mark.len() >= 3 {
            out.push_str("<pre><code>");
            fence = Some(mark);
        } else if is_row {
            if table == 0 {
                out.push_str("<table>");
            }
            table += 1;
            out.push_str(&row(line, table == 1));
        } else if let Some(item) = item {
            if !list {
                out.push_str("<ul>");
                list = true;
            }
            out.push_str(&format!("<li>{}</li>", inline(item)));
        } else {
            out.push_str(&block(line));
        }
    }
    out.push_str(if fence.is_some() { "</code></pre>" } else { "" });
    out.push_str(if table > 0 { "</table>" } else { "" });
    out.push_str(if list { "</ul>" } else { "" });
    html! { (PreEscaped(out)) }
}

fn row(line: &str, head: bool) -> String {
    if line.chars().all(|c| "|-: ".contains(c)) {
        return String::new();
    }
    let tag = if head { "th" } else { "td" };
    let cells: Vec<String> = line
        .trim()
        .trim_matches('|')
        .replace("\\|", "\u{1}")
        .split('|')
        .map(|cell| format!("<{tag}>{}</{tag}>", inline(&cell.trim().replace('\u{1}', "|"))))
        .collect();
    format!("<tr>{}</tr>", cells.concat())
}

fn block(line: &str) -> String {
    let line = line.trim_end();
    if ["<details>", "</details>", "<details open>"].contains(&line) {
        return line.to_owned();
    }
    if let Some(summary) =
        line.strip_prefix("<details><summary>").and_then(|rest| rest.strip_suffix("</summary>"))
    {
        return format!("<details><summary>{}</summary>", inline(summary));
    }
    if let Some(summary) = line.strip_prefix("<summary>").and_then(|rest| rest.strip_suffix("</summary>")) {
        return format!("<summary>{}</summary>", inline(summary));
    }
    for (mark, tag) in [("#### ", "h5"), ("### ", "h4"), ("## ", "h3"), ("# ", "h2"), ("> ", "blockquote")] {
        if let Some(rest) = line.strip_prefix(mark) {
            return format!("<{tag}>{}</{tag}>", inline(rest));
        }
    }
    match line {
        "" => String::new(),
        "---" => "<hr>".to_owned(),
        ">" => "<blockquote></blockquote>".to_owned(),
        text => format!("<p>{}</p>", inline(text)),
    }
}

fn escape(text: &str) -> String {
    html! { (text) }.into_string()
}

/// Code, bold and links.
fn inline(text: &str) -> String {
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let mut out = String::new();
    for (index, part) in escape(&plain).split('`').enumerate() {
        out.push_str(&if index % 2 == 1 { format!("<code>{part}</code>") } else { links(part) });
    }
    let mut bold = String::new();
    for (index, part) in out.split("**").enumerate() {
        bold.push_str(&if index % 2 == 1 { format!("<b>{part}</b>") } else { part.to_owned() });
    }
    bold
}

/// Links that are written out, and those that GitHub makes of an address or
/// of an issue's number. Pages lie two below their repository.
fn links(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](http") {
        let Some((lead, label)) = before.rsplit_once('[') else { break };
        let Some((url, tail)) = after.split_once(')') else { break };
        out.push_str(&format!("{}<a href=\"http{url}\">{label}</a>", linked_words(lead)));
        rest = tail;
    }
    out + &linked_words(rest)
}

fn linked_words(text: &str) -> String {
    let words: Vec<String> = text.split(' ').map(linked_word).collect();
    words.join(" ")
}

fn linked_word(word: &str) -> String {
    let bare = word.trim_end_matches(['.', ',', ';', ':']);
    let end = word.get(bare.len()..).unwrap_or_default();
    if let Some(number) = bare.strip_prefix('#').filter(|number| number.parse::<u64>().is_ok()) {
        return format!("<a href=\"../issues/{number}\">{bare}</a>{end}");
    }
    if bare.starts_with("http://") || bare.starts_with("https://") {
        return format!("<a href=\"{bare}\">{bare}</a>{end}");
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::markdown;

    #[test]
    fn text_cannot_become_markup_of_its_own() {
        let hostile =
            "<script>x</script> <details onclick=x>\n```\n</code></pre><b>\n```\n| <i> | [a](http://x\"y) |";
        let shown = markdown(hostile).into_string();
        for bad in ["<script", "<i>", "<details onclick", "</pre><b>", "x\"y"] {
            assert!(!shown.contains(bad), "{bad} is in {shown}");
        }
    }

    #[test]
    fn tables_lists_and_collapsed_parts_are_shown() {
        let text = "<!-- agent:job=X -->\n### Title\n| A | B |\n|---|---|\n| `x` | **y** |\n\n- one\n- two\n<details>\n<summary>More</summary>\n";
        let shown = markdown(text).into_string();
        for part in ["<h4>Title</h4>", "<th>A</th>", "<td><code>x</code></td>", "<li>two</li></ul><details>"]
        {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
        assert!(!shown.contains("agent:job"), "{shown}");
        let shown = markdown("Fixes #12. See [it](http://a/b) or http://c/d, not #x").into_string();
        let wanted = "Fixes <a href=\"../issues/12\">#12</a>. See <a href=\"http://a/b\">it</a> or <a href=\"http://c/d\">http://c/d</a>, not #x";
        assert!(shown.contains(wanted), "{shown}");
    }
}
