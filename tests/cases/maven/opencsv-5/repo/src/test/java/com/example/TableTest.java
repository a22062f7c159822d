package com.example;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class TableTest {
    @Test
    public void columnsAreApart() throws Exception {
        assertEquals("36", Table.rows("Ada;36").get(0)[1]);
    }
}
