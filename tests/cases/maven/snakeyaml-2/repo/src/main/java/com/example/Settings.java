package com.example;

import java.util.Map;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;

/** Settings from their text. */
public final class Settings {
    private Settings() {}

    public static Map<String, Object> read(String text) {
        return new Yaml(new SafeConstructor()).load(text);
    }
}
