import { expect, it } from "vitest";

import { inkOn } from "../../src/figures/palette";

it("ink is black on light colours and white on dark ones", () => {
  expect(inkOn("rgb(134, 184, 92)")).toBe("#10151c");
  expect(inkOn("rgb(58, 99, 184)")).toBe("#ffffff");
});
