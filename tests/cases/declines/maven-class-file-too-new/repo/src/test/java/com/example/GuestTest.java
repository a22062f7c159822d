package com.example;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class GuestTest {
    @Test
    public void aGuestIsGreeted() {
        assertEquals("Hello Ada", Guest.greet("Ada"));
    }
}
