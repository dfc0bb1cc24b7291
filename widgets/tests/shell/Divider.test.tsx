import { describe, expect, it, vi } from "vitest";

import { Divider, type DividerMeasure } from "../../src/shell/Divider";
import { Rendered } from "../detail/dom";

const MEASURE = { value: 50, usual: 40, least: 20, most: 55, step: 4 };

async function show(orientation: "vertical" | "horizontal", unit: DividerMeasure["unit"]) {
  const set = vi.fn();
  const page = new Rendered();
  await page.show(
    <div class="panes">
      <Divider label="Width" orientation={orientation} measure={{ ...MEASURE, unit, set }} />
      <p />
    </div>,
  );
  return { set, page, line: page.one("[role=separator]") };
}

describe("a divider", () => {
  it("says where it stands", async () => {
    const { line } = await show("vertical", "percent");
    expect(["valuenow", "valuemin", "valuemax", "valuetext", "orientation"].map((name) => line.getAttribute(`aria-${name}`)))
      .toEqual(["50", "20", "55", "50 percent", "vertical"]);
  });

  it("is moved by keys, within its limits", async () => {
    const { set, page, line } = await show("vertical", "percent");
    for (const key of ["ArrowLeft", "ArrowRight", "Home", "End", "x"]) await page.press(line, key);
    expect(set.mock.calls.flat()).toEqual([46, 54, 20, 55]);
  });

  it("makes the pane below it higher when it goes up", async () => {
    const { set, page, line } = await show("horizontal", "pixels");
    await page.press(line, "ArrowUp");
    await page.press(line, "ArrowDown");
    expect(set.mock.calls.flat()).toEqual([54, 46]);
  });

  it("is dragged, and put back by a double click", async () => {
    const { set, line } = await show("vertical", "percent");
    vi.spyOn(line.parentElement!, "getBoundingClientRect").mockReturnValue({ left: 100, width: 400 } as DOMRect);
    line.setPointerCapture = () => undefined;
    line.hasPointerCapture = () => true;
    line.dispatchEvent(new PointerEvent("pointermove", { clientX: 200, bubbles: true }));
    line.dispatchEvent(new Event("dblclick", { bubbles: true }));
    expect(set.mock.calls.flat()).toEqual([25, 40]);
  });
});
