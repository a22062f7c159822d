package com.example;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class NoteTest {
    @Test
    public void aNoteIsStored() {
        assertEquals("{\"text\":\"x\"}", new Note("x").toJson());
    }
}
