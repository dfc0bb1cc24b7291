import { beforeEach, describe, expect, it } from "vitest";

import { TreeModel } from "../../src/tree/model";
import { TreeView } from "../../src/tree/view";
import { ENCODER } from "../encoder";
import { columnsOf, largeTree, type Node, treeOf } from "../synthetic";

let view: TreeView;

function names(): string[] {
  const [tree, rows] = [view.tree.value!, view.rows.value!];
  return Array.from(rows.place.subarray(0, rows.count), (place) => tree.nameOf(place));
}

const place = (name: string) => view.tree.value!.name.indexOf(name);
const live = (...below: Node[]) => new TreeModel(columnsOf([session(...below)], { isLive: true }));
const session = (...below: Node[]): Node => ({ id: 1000, kind: "session", name: "session", below });

beforeEach(() => {
  view = new TreeView();
  view.show(treeOf(...ENCODER), "functions");
});

describe("at first", () => {
  it("a small tree is open as a whole, and its first function selected", () => {
    expect(names()).toHaveLength(view.tree.value!.count);
    expect(view.selected.value).toBe(1);
  });

  it("a large tree is open as far as there is room, but one level in any case", () => {
    view = new TreeView();
    view.show(new TreeModel(largeTree(10_000)), "functions");
    expect(names()[1]).toBe("Module0.forward");
    expect(names()).toHaveLength(1 + Math.ceil(10_000 / 91));
  });

  it("nothing is selected while a cell fills it", () => {
    view = new TreeView();
    view.show(live(), "functions");
    view.show(live(...ENCODER), "functions");
    expect(view.selected.value).toBeNull();
    view.show(treeOf(session(...ENCODER)), "functions");
    expect(view.selected.value).toBe(1);
  });

  it("what was captured before is selected, although more may come", () => {
    view = new TreeView();
    view.show(live(...ENCODER), "functions");
    expect(view.selected.value).toBe(1);
  });
});

describe("a tree that grows", () => {
  it("stays as the reader left it", () => {
    view.toggle(place("0/1"));
    view.select(20);
    const before = names();
    view.show(treeOf({ id: 500, name: "first", below: [{ id: 501, name: "inside" }] }, ...ENCODER), "functions");
    expect(names()).toEqual(["first", "inside", ...before]);
    expect(view.selected.value).toBe(20);
  });

  it("opens as far as there is room when it has been empty", () => {
    view = new TreeView();
    view.show(treeOf(), "functions");
    view.show(treeOf(session(...ENCODER)), "functions");
    expect(names().slice(0, 2)).toEqual(["session", "BertModel.forward"]);
  });

  it("opens further as it grows, until something is closed", () => {
    view = new TreeView();
    view.show(live(), "functions");
    view.show(live(...ENCODER.slice(0, 1)), "functions");
    expect(names()).toContain("__compiled_fn_5");
    expect(names()).not.toContain("craqlrzex7go.so");
    view.toggle(place("BertModel.forward"));
    view.show(live(...ENCODER), "functions");
    expect(names()).toEqual(["session", "BertModel.forward", "mean_pool", "cosine"]);
  });

  it("does not open again what was closed when the grouping is changed and back", () => {
    view.toggle(place("BertModel.forward"));
    view.show(treeOf({ id: 700, kind: "frame", name: "main", below: [{ id: 701, name: "x" }] }), "stacks");
    expect(names()).toEqual(["main", "x"]);
    view.show(treeOf(...ENCODER), "functions");
    expect(names()[1]).toBe("mean_pool");
  });
});

describe("a search", () => {
  it("opens what leads to hits, whatever was closed, and ends as it was", () => {
    view.toggle(place("BertModel.forward"));
    const before = names();
    view.search("kernel");
    expect(names()).toEqual(["BertModel.forward", "0/1", "__compiled_fn_5", "craqlrzex7go.so"]);
    view.search("");
    expect(names()).toEqual(before);
  });

  it("lets the reader close and open within", () => {
    view.search("kernel");
    view.toggle(place("0/1"));
    expect(names()).toEqual(["BertModel.forward", "0/1"]);
    view.search("kerne");
    expect(names()).toHaveLength(4);
  });

  it("keeps in sight what was selected in it", () => {
    view.setOpen([place("BertModel.forward")], false);
    view.search("kernel");
    view.select(59_000);
    view.search("");
    expect(names()).toContain("craqlrzex7go.so");
  });

  it("ends when something is selected elsewhere that it does not find", () => {
    view.search("kernel");
    view.select(30);
    expect(view.text.value).toBe("");
    expect(names()).toContain("cosine");
  });

  it("goes from hit to hit in a ring, both ways", () => {
    view.search("state:miss");
    const walked = [1, 1, 1, -1].map((step) => {
      view.selectHit(step as 1 | -1);
      return view.selected.value;
    });
    expect(walked).toEqual([30, 31, 30, 31]);
  });

  it("shows only problems, and all again", () => {
    view.showProblems(true);
    expect(names().slice(0, 2)).toEqual(["BertModel.forward", "0/1"]);
    expect(names().slice(-3)).toEqual(["call to print", "mean_pool", "2/0"]);
    view.showAll();
    expect(names()).toHaveLength(view.tree.value!.count);
  });
});

describe("the view", () => {
  it("opens what hides a node that is selected from elsewhere", () => {
    view.setOpen([place("BertModel.forward"), place("0/1")], false);
    view.select(6);
    expect(names()).toContain("fyezkwrhz6is");
  });

  it("orders by an amount, and as it happened when asked again", () => {
    view.orderBy("bytes");
    expect(view.order.value).toBe("bytes");
    view.orderBy("bytes");
    expect(view.order.value).toBe("happened");
  });
});
