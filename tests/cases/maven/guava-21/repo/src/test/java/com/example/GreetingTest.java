package com.example;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class GreetingTest {
    @Test
    public void nobodyIsGreetedAsYou() {
        assertEquals("Hello Ada", Greeting.greet("Ada"));
        assertEquals("Hello you", Greeting.greet(null));
    }
}
