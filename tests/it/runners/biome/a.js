if (globalThis.x) {
  debugger;
}
