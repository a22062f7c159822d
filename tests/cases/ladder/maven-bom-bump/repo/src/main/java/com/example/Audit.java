package com.example;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/** Writes down who came. */
public final class Audit {
    private static final Logger LOG = LogManager.getLogger(Audit.class);
    private int visits;

    public int visit(String name) {
        visits += 1;
        LOG.info("{} came", name);
        return visits;
    }
}
