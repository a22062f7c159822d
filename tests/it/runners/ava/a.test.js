const { default: test } = require("ava");

test("adds", (t) => t.pass());
test("fails", (t) => {
  if (1 + 1 !== 3) {
    throw new Error("it is not three");
  }
  t.pass();
});
test.skip("is skipped", (t) => t.pass());
