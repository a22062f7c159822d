package com.example;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class LetterTest {
    @Test
    public void theNameIsFilledIn() {
        assertEquals("Dear Ada", Letter.to("Ada"));
    }
}
