package com.example;

import java.util.concurrent.Callable;
import net.jodah.failsafe.Failsafe;
import net.jodah.failsafe.RetryPolicy;

/** Asks again when it went wrong. */
public final class Patience {
    private Patience() {}

    public static <T> T ask(Callable<T> question) {
        RetryPolicy policy = new RetryPolicy().retryOn(IllegalStateException.class).withMaxRetries(2);
        return Failsafe.with(policy).get(question);
    }
}
