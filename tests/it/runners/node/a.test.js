const { describe, it } = require("node:test");
const assert = require("node:assert");

describe("math", () => {
  it("adds", () => {});
  it("fails", () => {
    assert.strictEqual(1 + 1, 3);
  });
  it.skip("is skipped", () => {});
});
