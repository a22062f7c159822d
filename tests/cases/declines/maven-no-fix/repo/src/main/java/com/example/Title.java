package com.example;

import org.apache.commons.lang3.StringUtils;

/** How a title is written. */
public final class Title {
    private Title() {}

    public static String of(String text) {
        return StringUtils.capitalize(text);
    }
}
