package com.example;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class PoolTest {
    @Test
    public void aPoolOpensAndCloses() {
        Pool pool = new Pool();
        pool.start();
        assertEquals(true, pool.isOpen());
        pool.stop();
        assertEquals(false, pool.isOpen());
    }
}
