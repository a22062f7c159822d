const assert = require("node:assert");

describe("math", () => {
  it("adds", () => {});
  it("fails (1+1)", () => {
    assert.strictEqual(1 + 1, 3);
  });
  it.skip("is skipped", () => {});
});
