package com.example;

import org.apache.commons.text.WordUtils;

/** How a title is written. */
public final class Title {
    private Title() {}

    public static String of(String text) {
        return WordUtils.capitalize(text);
    }
}
