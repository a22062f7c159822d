package com.example;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/** Greets, and writes it down. */
public final class Guest {
    private static final Log LOG = LogFactory.getLog(Guest.class);

    private Guest() {}

    public static String greet(String name) {
        LOG.debug(name);
        return "Hello " + name;
    }
}
