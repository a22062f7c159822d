package com.example.comments;

import org.jsoup.Jsoup;
import org.jsoup.safety.Whitelist;

/** What a visitor wrote, without what could do harm. */
public final class Comment {
    private Comment() {}

    public static String clean(String html) {
        return Jsoup.clean(html, Whitelist.basic());
    }
}
