package com.example;

import com.github.benmanes.caffeine.cache.CacheLoader;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.LoadingCache;
import java.util.HashMap;
import java.util.Map;

/** What things cost; asked for only once. */
public final class Prices {
    private int asked;
    private final LoadingCache<String, Integer> cache =
            Caffeine.newBuilder().maximumSize(10).build(new CacheLoader<String, Integer>() {
                @Override
                public Integer load(String thing) {
                    return thing.length();
                }

                @Override
                public Map<String, Integer> loadAll(Iterable<? extends String> things) {
                    asked += 1;
                    Map<String, Integer> prices = new HashMap<>();
                    for (String thing : things) {
                        prices.put(thing, load(thing));
                    }
                    return prices;
                }
            });

    public Map<String, Integer> of(Iterable<String> things) {
        return cache.getAll(things);
    }

    public int asked() {
        return asked;
    }
}
