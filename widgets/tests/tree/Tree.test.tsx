import { beforeEach, describe, expect, it } from "vitest";

import { TreeModel } from "../../src/tree/model";
import { TreePane } from "../../src/tree/TreePane";
import { TreeView } from "../../src/tree/view";
import { LINE } from "../../src/tree/window";
import { Rendered } from "../detail/dom";
import { ENCODER, STACKS } from "../encoder";
import { largeTree, treeOf } from "../synthetic";

let view: TreeView;
let page: Rendered;

const tree = () => page.one("[role=tree]");
const lines = () => page.all("[role=treeitem]");
const active = () => page.one(`[id="${tree().getAttribute("aria-activedescendant")}"]`);
const pressed = async (...keys: string[]) => {
  for (const key of keys) await page.press(tree(), key);
  return calledBy(active());
};
const calledBy = (line: HTMLElement) =>
  [...line.querySelectorAll(".mc-row-label, .mc-row-name > code, .mc-row-name > b")].map((part) => part.textContent).join(" ");

async function show(model: TreeModel, error = ""): Promise<void> {
  view = new TreeView();
  view.show(model, "functions");
  page = new Rendered();
  await page.show(<TreePane view={view} loading={{ error, ask: () => undefined }} grouping="functions" onGroup={() => undefined} />);
}

beforeEach(() => show(treeOf(...ENCODER)));

describe("a line", () => {
  it("is named by what its columns show", () => {
    expect(lines()[3]!.textContent.trim()).toBe("recompile 0/1 input_ids.size(1) 13 → 24 hit 14.8 s 2.0 MB");
  });

  it("says where it stands", () => {
    const names = ["level", "posinset", "setsize", "expanded", "selected"];
    expect(names.map((name) => lines()[3]!.getAttribute(`aria-${name}`))).toEqual(["2", "2", "3", "true", "false"]);
    expect(lines()[5]!.hasAttribute("aria-expanded")).toBe(false);
  });

  it("is selected by a click, and opened or closed by its triangle", async () => {
    await page.click(lines()[3]!);
    expect(view.selected.value).toBe(3);
    const before = lines().length;
    const turn = lines()[3]!.querySelector<HTMLElement>(".mc-turn")!;
    await page.click(turn);
    expect(lines()).toHaveLength(before - 4);
    expect(lines()[3]!.getAttribute("aria-expanded")).toBe("false");
  });
});

describe("a frame", () => {
  beforeEach(() => show(treeOf(...STACKS)));

  const swatches = () => page.all(".mc-swatch").map((swatch) => [calledBy(swatch.closest(".mc-row")!), swatch.getAttribute("style"), swatch.className].join(" "));

  it("has one colour wherever it stands, and what is no frame has none", () => {
    const encode = swatches().filter((each) => each.startsWith("Encoder.encode"));
    expect(encode).toHaveLength(2);
    expect(encode[0]).toBe(encode[1]);
    expect(swatches()).toHaveLength(lines().filter((line) => !/guarded code|recompile|not recorded/.test(line.textContent)).length);
  });

  it("is named without it", () => {
    expect(lines()[1]!.textContent.trim()).toBe("search search.py:18 hit 40.4 s 6.1 MB");
  });
});

describe("the keyboard", () => {
  it("goes up and down and to both ends", async () => {
    expect(await pressed("ArrowDown")).toBe("guarded code 0/0");
    expect(await pressed("End")).toBe("guarded code 3/0");
    expect(await pressed("ArrowDown", "ArrowUp")).toBe("cosine");
    expect(await pressed("Home", "ArrowUp")).toBe("BertModel.forward");
    expect(await pressed("PageDown")).toBe("guarded code 3/0");
  });

  it("closes, goes to the parent, opens, goes to the first child", async () => {
    expect(await pressed("ArrowDown", "ArrowDown", "ArrowDown", "ArrowLeft")).toBe("recompile 0/1");
    expect(active().getAttribute("aria-expanded")).toBe("false");
    expect(await pressed("ArrowLeft")).toBe("BertModel.forward");
    expect(await pressed("ArrowRight")).toBe("guarded code 0/0");
    expect(await pressed("ArrowLeft", "ArrowRight")).toBe("guarded code 0/0");
    expect(active().getAttribute("aria-expanded")).toBe("true");
  });

  it("turns a line with Enter and with the space bar", async () => {
    await pressed("Enter");
    expect(active().getAttribute("aria-expanded")).toBe("false");
    await pressed(" ");
    expect(active().getAttribute("aria-expanded")).toBe("true");
  });

  it("opens all siblings with a star", async () => {
    view.setOpen(view.tree.value!.roots, false);
    expect(await pressed("*")).toBe("BertModel.forward");
    expect(view.tree.value!.roots.map((root) => view.isOpen(root))).toEqual([true, true, true]);
  });

  it("goes to a line by its first letters", async () => {
    expect(await pressed("m", "e")).toBe("mean_pool");
  });

  it("goes from letter to letter, not only from name to name", async () => {
    expect(await pressed("c")).toBe("kernel craqlrzex7go.so");
    expect(await pressed("o")).toBe("cosine");
  });

  it("leaves shortcuts with a modifier alone", async () => {
    const event = new KeyboardEvent("keydown", { key: "ArrowDown", ctrlKey: true, bubbles: true, cancelable: true });
    tree().dispatchEvent(event);
    expect(event.defaultPrevented).toBe(false);
    expect(view.selected.value).toBe(1);
  });

  it("starts from what hides the selected line", async () => {
    await page.click(lines()[6]!);
    view.setOpen([0], false);
    await page.settle();
    expect(tree().hasAttribute("aria-activedescendant")).toBe(false);
    expect(await pressed("ArrowDown")).toBe("mean_pool");
  });
});

describe("a large tree", () => {
  it("has few lines in the document, the selected one among them", async () => {
    await show(new TreeModel(largeTree(100_000)));
    expect(lines().length).toBeLessThan(60);
    tree().scrollTop = 500 * LINE;
    tree().dispatchEvent(new Event("scroll"));
    await page.settle();
    expect(lines().some((line) => line.getAttribute("aria-posinset") === "505")).toBe(true);
    expect(calledBy(active())).toBe("Module0.forward");
  });

  it("keeps its topmost line where it is when lines come before it", async () => {
    await show(new TreeModel(largeTree(10_000)));
    tree().scrollTop = 50 * LINE + 7;
    view.show(treeOf({ id: 1, name: "new" }, { id: 2, name: "other" }, ...nodesOf(10_000)), "functions");
    await page.settle();
    expect(tree().scrollTop).toBe(52 * LINE + 7);
  });
});

describe("the search", () => {
  const field = () => page.one<HTMLInputElement>("input[type=search]");

  it("says how many lines it has found", async () => {
    await page.type(field(), "state:miss");
    expect(lines()).toHaveLength(2);
    expect(page.one("[role=search] [role=status]").textContent).toBe("2 lines found");
  });

  it("leads to the next hit with Enter, into the tree with the down key, and ends with Escape", async () => {
    await page.type(field(), "state:miss");
    await page.press(field(), "Enter");
    expect(view.selected.value).toBe(30);
    await page.press(field(), "ArrowDown");
    expect(document.activeElement).toBe(tree());
    await page.press(field(), "Escape");
    expect(view.text.value).toBe("");
  });

  it("says what to do where nothing is found", async () => {
    await page.type(field(), "nowhere");
    await page.click(page.one(".mc-empty button"));
    expect(lines().length).toBeGreaterThan(2);
  });

  it("shows problems with a chip that says how many there are", async () => {
    const chip = page.all(".mc-chip")[0]!;
    expect(chip.textContent).toBe("Problems 3");
    await page.click(chip);
    expect(chip.getAttribute("aria-pressed")).toBe("true");
    expect(lines().some((line) => line.textContent.includes("mean_pool"))).toBe(true);
    expect(lines().some((line) => line.textContent.includes("cosine"))).toBe(false);
  });
});

describe("instead of a tree", () => {
  it("stands what to do when nothing was compiled", async () => {
    await show(treeOf());
    expect(page.text).toContain("Nothing was compiled yet. Run a cell");
    await show(treeOf({ kind: "session", name: "empty" }));
    expect(page.text).toContain("Nothing was compiled yet. Run a cell");
    await show(treeOf({ kind: "session", name: "full", below: [{ name: "f" }] }));
    expect(page.text).not.toContain("Nothing was compiled yet");
    expect(page.all(".mc-chip")[0]!.getAttribute("aria-disabled")).toBe("true");
  });

  it("stands why it could not be loaded, with a way to try again", async () => {
    let asked = 0;
    page = new Rendered();
    await page.show(
      <TreePane view={new TreeView()} loading={{ error: "It is damaged.", ask: () => (asked += 1) }} grouping="functions" onGroup={() => undefined} />,
    );
    expect(page.one("[role=alert]").textContent).toContain("It is damaged.");
    await page.click(page.one("[role=alert] button"));
    expect(asked).toBe(1);
  });
});

function nodesOf(count: number) {
  const model = new TreeModel(largeTree(count));
  const below = model.children(0).map((place) => ({ id: model.id[place]!, name: model.nameOf(place) }));
  return [{ id: model.id[0]!, name: "large", below }];
}
