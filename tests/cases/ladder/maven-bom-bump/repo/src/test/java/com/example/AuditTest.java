package com.example;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class AuditTest {
    @Test
    public void visitsAreCounted() {
        Audit audit = new Audit();
        audit.visit("Ada");
        assertEquals(2, audit.visit("Bob"));
    }
}
