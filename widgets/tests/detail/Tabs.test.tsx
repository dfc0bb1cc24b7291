// @vitest-environment happy-dom
import { useState } from "preact/hooks";
import { beforeEach, describe, expect, it } from "vitest";

import { Tabs } from "../../src/detail/Tabs";
import { Rendered } from "./dom";

function Example() {
  const [chosen, setChosen] = useState("one");
  const tabs = [
    { id: "one", title: "One" },
    { id: "two", title: "Two", count: 0, isEmpty: true },
    { id: "three", title: "Three", count: 1234 },
  ];
  return <Tabs label="Example" tabs={tabs} chosen={chosen} onChoose={setChosen}>content of {chosen}</Tabs>;
}

describe("tabs", () => {
  let page: Rendered;
  const tab = (id: string) => page.one(`[data-tab=${id}]`);
  beforeEach(async () => {
    page = new Rendered();
    await page.show(<Example />);
  });

  it("name the panel by the chosen tab, and only this one is reached by Tab", () => {
    expect(page.one("[role=tabpanel]").getAttribute("aria-labelledby")).toBe(tab("one").id);
    expect(page.all("[role=tab]").map((each) => each.tabIndex)).toEqual([0, -1, -1]);
    expect(tab("one").getAttribute("aria-controls")).toBe(page.one("[role=tabpanel]").id);
  });

  it("are walked with arrow keys as a ring, passing what is empty", async () => {
    await page.press(tab("one"), "ArrowRight");
    expect(page.text).toContain("content of three");
    expect(document.activeElement).toBe(tab("three"));
    await page.press(tab("three"), "ArrowRight");
    expect(page.text).toContain("content of one");
    await page.press(tab("one"), "End");
    expect(tab("three").getAttribute("aria-selected")).toBe("true");
    await page.press(tab("three"), "Home");
    expect(tab("one").getAttribute("aria-selected")).toBe("true");
  });

  it("do not open an empty tab", async () => {
    await page.click(tab("two"));
    expect(page.text).toContain("content of one");
    expect(tab("two").getAttribute("aria-disabled")).toBe("true");
  });

  it("write counts, and keep room for two digits", () => {
    expect(tab("three").textContent).toBe("Three 1,234");
    expect(tab("two").textContent).toBe("Two \u2007\u2007");
    expect(tab("one").textContent).toBe("One");
  });
});
