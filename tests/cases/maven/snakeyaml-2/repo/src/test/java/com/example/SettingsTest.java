package com.example;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class SettingsTest {
    @Test
    public void settingsAreRead() {
        assertEquals(80, Settings.read("port: 80").get("port"));
    }
}
