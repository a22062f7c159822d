// The peer of the intake benchmark: a Probot app that does what a careful one
// would, and no more. The delivery is on disk before it is answered.
import Database from "better-sqlite3";
import { run } from "probot";

const store = new Database(process.env.STORE);
store.pragma("journal_mode = WAL");
store.pragma("synchronous = FULL");
store.exec("CREATE TABLE deliveries (guid TEXT PRIMARY KEY, kind TEXT, body TEXT, at INTEGER)");
const keep = store.prepare("INSERT INTO deliveries VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");

await run((app) => {
  app.on("issues.labeled", ({ id, name, payload }) => {
    keep.run(id, name, JSON.stringify(payload), Date.now());
  });
});
