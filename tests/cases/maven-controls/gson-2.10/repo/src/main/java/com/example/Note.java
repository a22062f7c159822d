package com.example;

import com.google.gson.Gson;

/** A note as it is stored. */
public final class Note {
    private final String text;

    public Note(String text) {
        this.text = text;
    }

    public String toJson() {
        return new Gson().toJson(this);
    }
}
