package com.example;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class LimitsTest {
    @Test
    public void aLimitCanBeSet() {
        Limits limits = new Limits();
        limits.set("turns", 3);
        assertEquals(3, limits.of("turns"));
        assertEquals(10, limits.of("hours"));
    }
}
