package com.example;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class TitleTest {
    @Test
    public void aTitleBeginsLarge() {
        assertEquals("A title", Title.of("a title"));
    }
}
