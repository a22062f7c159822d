package com.example.site;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class PageTest {
    @Test
    public void aTitleIsPlainText() {
        assertEquals("<h1>News</h1><i>x</i>", Page.of("<b>News</b>", "<i>x</i>"));
    }
}
