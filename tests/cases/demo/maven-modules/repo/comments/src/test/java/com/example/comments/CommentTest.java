package com.example.comments;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class CommentTest {
    @Test
    public void scriptsAreGone() {
        assertEquals("<b>Hello</b>", Comment.clean("<b>Hello</b><script>steal()</script>"));
    }
}
