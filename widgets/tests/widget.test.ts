import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import widget from "../src/widget";
import { ENCODER } from "./encoder";
import { FakeModel } from "./kernel/fakeModel";
import { columnsOf, encode } from "./synthetic";

let model: FakeModel;
let el: HTMLElement;
let remove: () => void;

const appears = (selector: string, text = "") =>
  vi.waitUntil(() => [...el.querySelectorAll(selector)].find((each) => each.textContent.includes(text)));

beforeEach(async () => {
  document.body.innerHTML = '<div class="mc-static" data-mc="u1">summary</div><div class="view"><div class="el"></div></div>';
  el = document.querySelector<HTMLElement>(".el")!;
  const bytes = await encode(columnsOf(ENCODER));
  model = new FakeModel({ _tree: new DataView(bytes.buffer as ArrayBuffer), _height: 700 });
});
afterEach(() => remove());

const hiding = () => [...document.head.querySelectorAll("style")].map((style) => style.textContent);

describe("the widget", () => {
  it("shows the tree, and hides the summary as long as it lives", async () => {
    remove = widget.render({ model, el });
    await appears("[role=treeitem]");
    expect(hiding()).toContain('.mc-static[data-mc="u1"] { display: none; }');
    remove();
    expect(el.innerHTML).toBe("");
    expect(hiding()).toEqual([]);
    // Preact ends effects after the next frame.
    await vi.waitUntil(() => model.listenerCount === 0);
  });

  it("has the height that it is given, later too", async () => {
    remove = widget.render({ model, el });
    const frame = await appears(".mc-frame") as HTMLElement;
    expect(frame.style.getPropertyValue("--mc-height")).toBe("700px");
    model.set("_height", 900);
    expect(frame.style.getPropertyValue("--mc-height")).toBe("900px");
  });

  it("keeps notebook shortcuts away from its keys", async () => {
    remove = widget.render({ model, el });
    const tree = await appears("[role=tree]") as HTMLElement;
    const outside = vi.fn();
    document.body.addEventListener("keydown", outside, { once: true });
    tree.dispatchEvent(new KeyboardEvent("keydown", { key: "a", bubbles: true }));
    expect(outside).not.toHaveBeenCalled();
    // JupyterLab asks the element that has the focus before those around it.
    tree.focus();
    expect(tree.dataset["lmSuppressShortcuts"]).toBe("true");
  });

  it("without a kernel shows its tree, says so, and asks nothing", async () => {
    el.parentElement!.classList.add("jupyter-widgets-disconnected");
    remove = widget.render({ model, el });
    await appears("[role=treeitem]");
    await appears(".mc-notice", "Not connected to a kernel");
    await appears("[role=alert]", "Not connected to a kernel");
    expect(model.sent).toEqual([]);
  });

  it("follows a tree that grows", async () => {
    remove = widget.render({ model, el });
    await appears("[role=treeitem]");
    const bytes = await encode(columnsOf([...ENCODER, { name: "late_function" }]));
    model.set("_tree", new DataView(bytes.buffer as ArrayBuffer));
    await appears("[role=treeitem]", "late_function");
  });
});
