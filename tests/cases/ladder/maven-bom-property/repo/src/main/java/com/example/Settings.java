package com.example;

import java.util.Map;
import org.yaml.snakeyaml.Yaml;

/** Settings from their text. */
public final class Settings {
    private Settings() {}

    public static Map<String, Object> read(String text) {
        return new Yaml().load(text);
    }
}
