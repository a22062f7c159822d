package com.example;

import java.io.StringWriter;
import org.apache.velocity.VelocityContext;
import org.apache.velocity.app.VelocityEngine;

/** Fills in a letter. */
public final class Letter {
    private Letter() {}

    public static String to(String name) {
        VelocityEngine engine = new VelocityEngine();
        engine.setProperty("runtime.log.logsystem.class", "org.apache.velocity.runtime.log.NullLogChute");
        VelocityContext context = new VelocityContext();
        context.put("name", name);
        StringWriter letter = new StringWriter();
        engine.evaluate(context, letter, "letter", "Dear $name");
        return letter.toString();
    }
}
