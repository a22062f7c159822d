package com.example;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class PatienceTest {
    private int asked;

    @Test
    public void theThirdAnswerCounts() {
        int answer = Patience.ask(() -> {
            asked += 1;
            if (asked < 3) {
                throw new IllegalStateException("not yet");
            }
            return 42;
        });
        assertEquals(42, answer);
        assertEquals(3, asked);
    }
}
