import { expect, it } from "vitest";

import { themedLayout } from "../../src/figures/plotly";

it("a layout takes the colours of the theme, loses its title with the room for it, and keeps all else", () => {
  const layout = { title: { text: "Compile time" }, font: { size: 12, color: "#7a8594" }, xaxis: { title: "seconds" }, height: 440, margin: { l: 12, t: 64 } };
  expect(themedLayout(layout, "text", "line")).toEqual({
    font: { size: 12, color: "text" },
    xaxis: { title: "seconds", gridcolor: "line", linecolor: "line" },
    height: 440,
    margin: { l: 12, t: 32 },
  });
});
