package com.example;

import static org.junit.Assert.assertEquals;

import org.junit.Test;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Name;
import org.xbill.DNS.RRset;
import org.xbill.DNS.TXTRecord;

public class ZoneTest {
    @Test
    public void recordsAreCounted() throws Exception {
        Name name = Name.fromString("example.com.");
        RRset records = new RRset();
        records.addRR(new TXTRecord(name, DClass.IN, 60, "one"));
        records.addRR(new TXTRecord(name, DClass.IN, 60, "two"));
        assertEquals(2, Zone.size(records));
    }
}
