package com.example;

import com.google.common.base.CharMatcher;

/** Texts that people typed. */
public final class Words {
    private Words() {}

    public static String tidy(String text) {
        return CharMatcher.WHITESPACE.trimAndCollapseFrom(text, ' ');
    }
}
