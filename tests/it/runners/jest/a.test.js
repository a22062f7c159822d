describe("math", () => {
  test("adds", () => {});
  test("fails", () => {
    expect(1 + 1).toBe(3);
  });
  test.skip("is skipped", () => {});
});
