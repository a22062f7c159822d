package com.example;

import com.google.common.base.Objects;

/** How someone is greeted. */
public final class Greeting {
    private Greeting() {}

    public static String greet(String name) {
        return "Hello " + Objects.firstNonNull(name, "you");
    }
}
