package com.example.site;

import com.example.comments.Comment;
import org.jsoup.Jsoup;
import org.jsoup.safety.Whitelist;

/** A page with one comment on it. */
public final class Page {
    private Page() {}

    public static String of(String title, String comment) {
        return "<h1>" + Jsoup.clean(title, Whitelist.none()) + "</h1>" + Comment.clean(comment);
    }
}
