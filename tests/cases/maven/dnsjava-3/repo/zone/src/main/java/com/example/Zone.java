package com.example;

import java.util.Iterator;
import org.xbill.DNS.RRset;

/** Records of one name. */
public final class Zone {
    private Zone() {}

    public static int size(RRset records) {
        int size = 0;
        for (Iterator<?> each = records.rrs(); each.hasNext(); each.next()) {
            size += 1;
        }
        return size;
    }
}
