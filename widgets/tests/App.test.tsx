import { beforeEach, describe, expect, it, vi } from "vitest";

import { App } from "../src/App";
import type { Grouping, Host } from "../src/host";
import { Rendered } from "./detail/dom";
import { ENCODER } from "./encoder";
import { MadeUpHost } from "./parts";
import { columnsOf, encode, type Node } from "./synthetic";

const STACKS: readonly Node[] = [{ id: 60, kind: "frame", name: "main", below: [{ id: 3, kind: "recompile", label: "recompile", name: "0/1" }] }];

let page: Rendered;
let change: () => void;
let asked: Grouping[];
let functions: readonly Node[];

beforeEach(async () => {
  const parts = new MadeUpHost();
  asked = [];
  functions = ENCODER;
  change = () => parts.change();
  const host: Host = {
    actions: new Set(),
    hasPlotly: true,
    tree: (grouping) => {
      asked.push(grouping);
      return encode(columnsOf(grouping === "functions" ? functions : STACKS));
    },
    part: (kind, name) => parts.part(kind, name),
    act: () => parts.act(),
    onChange: (changed) => parts.onChange(changed),
  };
  page = new Rendered();
  await page.show(<App host={host} height={700} />);
  await line("BertModel.forward");
});

const line = (name: string) => vi.waitUntil(() => page.all("[role=treeitem]").find((each) => each.textContent.includes(name)));
const detail = () => page.one("section[aria-label=Detail]");

describe("the explorer", () => {
  it("shows what was recorded: the title, facts, six figures and a note", () => {
    expect(page.one("h1").textContent).toBe("encoder");
    expect(page.one("header").textContent).toContain("torch 2.15.0 · Python 3.11.7");
    expect(page.all(".mc-numbers dd").map((each) => each.textContent)).toContain("2321 hit, 2 not");
    expect(page.one(".mc-status-note").textContent).toContain("23 artifacts");
  });

  it("shows the detail of what is selected, and at first that of the first function", async () => {
    await vi.waitUntil(() => detail().textContent.includes("BertModel.forward"));
    await page.click(await line("0/1"));
    await vi.waitUntil(() => detail().textContent.includes("Recompiled"));
  });

  it("groups by call stacks, and keeps the selection where the node is there, too", async () => {
    await page.click(await line("0/1"));
    await page.click(page.all(".mc-heads input")[1]!);
    await line("main");
    expect(asked).toEqual(["functions", "stacks"]);
    expect((await line("0/1")).getAttribute("aria-selected")).toBe("true");
  });

  it("asks for the tree again when it has changed, once for all changes meanwhile", async () => {
    functions = [...ENCODER, { id: 90, name: "late" }];
    for (let changes = 0; changes < 5; changes += 1) change();
    await line("late");
    await page.settle();
    expect(asked).toEqual(["functions", "functions", "functions"]);
  });

  it("gives a figure of plotly more height while it is shown, and keeps both heights apart", async () => {
    const strip = () => page.one(".mc-frame").style.getPropertyValue("--mc-strip");
    const divider = () => page.one("[aria-label='Height of the figures']");
    const open = (figure: string) => page.click(page.one(`[data-tab=${figure}]`));
    expect(strip()).toBe("176px");
    await open("plots");
    expect(strip()).toBe("336px");
    await page.press(divider(), "ArrowDown");
    await open("timeline");
    expect(strip()).toBe("176px");
    await open("plots");
    expect(strip()).toBe("320px");
  });

  it("leaves a low explorer's tree its place", async () => {
    await page.show(<App key="low" host={new MadeUpHost()} height={600} />);
    await page.click(page.one("[data-tab=timeline]"));
    expect(page.one(".mc-frame").style.getPropertyValue("--mc-strip")).toBe("176px");
  });

  it("folds the figures away", async () => {
    const fold = page.one(".mc-fold");
    expect(page.all("section[aria-label=Figures] [role=tab]").length).toBeGreaterThan(3);
    await page.click(fold);
    expect(fold.getAttribute("aria-expanded")).toBe("false");
    expect(page.all("section[aria-label=Figures] [role=tab]")).toEqual([]);
  });
});
