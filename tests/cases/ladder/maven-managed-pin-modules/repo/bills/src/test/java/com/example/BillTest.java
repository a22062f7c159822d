package com.example;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class BillTest {
    @Test
    public void theNameIsFilledIn() {
        assertEquals("Dear Ada", Bill.to("Ada"));
    }
}
