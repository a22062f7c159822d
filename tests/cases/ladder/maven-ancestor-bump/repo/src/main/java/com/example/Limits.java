package com.example;

import org.apache.commons.configuration2.BaseConfiguration;
import org.apache.commons.configuration2.Configuration;

/** The limits, with what they are when nobody says otherwise. */
public final class Limits {
    private final Configuration limits = new BaseConfiguration();

    public void set(String name, int most) {
        limits.setProperty(name, most);
    }

    public int of(String name) {
        return limits.getInt(name, 10);
    }
}
