package com.example;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class WordsTest {
    @Test
    public void oneSpaceIsEnough() {
        assertEquals("a b", Words.tidy("  a   b "));
    }
}
