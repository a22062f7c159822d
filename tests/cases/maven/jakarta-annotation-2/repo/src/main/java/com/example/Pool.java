package com.example;

import javax.annotation.PostConstruct;
import javax.annotation.PreDestroy;

/** Something that is opened and closed by a container. */
public class Pool {
    private boolean open;

    @PostConstruct
    public void start() {
        open = true;
    }

    @PreDestroy
    public void stop() {
        open = false;
    }

    public boolean isOpen() {
        return open;
    }
}
