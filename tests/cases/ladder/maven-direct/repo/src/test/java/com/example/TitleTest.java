package com.example;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class TitleTest {
    @Test
    public void wordsBeginLarge() {
        assertEquals("A Title", Title.of("a title"));
    }
}
