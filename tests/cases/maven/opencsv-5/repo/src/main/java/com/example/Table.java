package com.example;

import com.opencsv.CSVReader;
import java.io.IOException;
import java.io.StringReader;
import java.util.List;

/** A table with semicolons between its columns. */
public final class Table {
    private Table() {}

    public static List<String[]> rows(String text) throws IOException {
        try (CSVReader reader = new CSVReader(new StringReader(text), ';')) {
            return reader.readAll();
        }
    }
}
