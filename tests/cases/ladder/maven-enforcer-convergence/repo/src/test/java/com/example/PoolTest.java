package com.example;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class PoolTest {
    @Test
    public void theSizeIsTaken() {
        assertEquals(7, Pool.ofSize(7).getMaximumPoolSize());
    }
}
