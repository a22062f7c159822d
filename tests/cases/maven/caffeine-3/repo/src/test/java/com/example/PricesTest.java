package com.example;

import static org.junit.Assert.assertEquals;

import java.util.Arrays;
import org.junit.Test;

public class PricesTest {
    @Test
    public void manyThingsAreAskedForAtOnce() {
        Prices prices = new Prices();
        assertEquals(4, prices.of(Arrays.asList("pear", "fig")).get("pear").intValue());
        prices.of(Arrays.asList("pear", "fig"));
        assertEquals(1, prices.asked());
    }
}
