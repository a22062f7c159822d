package com.example;

import com.zaxxer.hikari.HikariConfig;

/** How many connections there may be. */
public final class Pool {
    private Pool() {}

    public static HikariConfig ofSize(int size) {
        HikariConfig config = new HikariConfig();
        config.setMaximumPoolSize(size);
        return config;
    }
}
