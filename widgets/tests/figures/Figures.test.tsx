// @vitest-environment happy-dom
import { useState } from "preact/hooks";
import { beforeEach, describe, expect, it, vi } from "vitest";

import { type FigureId, Figures } from "../../src/figures/Figures";
import { Rendered } from "../detail/dom";
import { IDS, MadeUpHost } from "../parts";
import { smallTree } from "./tree";

class PlotlyHost extends MadeUpHost {
  override readonly hasPlotly = true;
}

/** The figures with the choice among them, which the explorer keeps. */
function Chosen(props: Omit<Parameters<typeof Figures>[0], "chosen" | "onChoose">) {
  const [chosen, setChosen] = useState<FigureId>("timeline");
  return <Figures {...props} chosen={chosen} onChoose={setChosen} />;
}

describe("the figures", () => {
  let page: Rendered;
  let selected: number[];
  const show = async (host: MadeUpHost, id: number | null = null) => {
    await page.show(<Chosen host={host} tree={smallTree()} selected={id} onSelect={(each) => selected.push(each)} />);
    await page.settle();
  };
  const open = (tab: string) => page.click(page.one(`[data-tab=${tab}]`));
  const press = (key: string) => page.press(page.one(".mc-stage-scroll"), key);
  beforeEach(() => {
    page = new Rendered();
    selected = [];
  });

  it("offer plotly only where the host has it", async () => {
    await show(new MadeUpHost());
    expect(page.all("[data-tab=plots]")).toHaveLength(0);
    await show(new PlotlyHost());
    expect(page.all("[data-tab=plots]")).toHaveLength(1);
  });

  it("say the times of the timeline in a table too", async () => {
    await show(new MadeUpHost());
    expect(page.one("canvas").getAttribute("aria-label")).toBe("Timeline of 3 rows over 55.1 s");
    const cells = [...page.one("table tbody tr").children].map((cell) => cell.textContent);
    expect(cells).toEqual(["0/0 forward", "BertModel.forward", "7.3 s", "0 ms", "3.4 s", "5.1 s", "0 ms", "9.8 s"]);
  });

  it("go from row to row by key, and select in the tree", async () => {
    await show(new MadeUpHost());
    await press("ArrowDown");
    await press("ArrowDown");
    await press("Enter");
    expect(selected).toEqual([IDS.recompile]);
    expect(page.one("[role=status]").textContent).toBe("0/1 forward BertModel.forward");
  });

  it("go from cell to cell of the icicle, zoom in, and back by a crumb", async () => {
    await show(new MadeUpHost());
    await open("time");
    for (const key of ["ArrowDown", "ArrowDown", "ArrowRight", "ArrowLeft", "Enter"]) await press(key);
    expect(selected).toEqual([20]);
    expect(page.one("[aria-current]").textContent).toBe("0/0 50 ms");
    expect(page.all(".mc-crumbs button").map((each) => each.textContent)).toEqual(["encoder", "forward"]);
    await page.click(page.all(".mc-crumbs button")[1]!);
    expect(page.one("[aria-current]").textContent).toBe("forward 90 ms");
    await press("Escape");
    expect(page.all(".mc-crumbs button")).toHaveLength(0);
  });

  it("list recompiles by function, and mark the one that is selected", async () => {
    await show(new MadeUpHost(), 50);
    await open("recompiles");
    expect(page.all(".mc-recompiles h3 code").map((each) => each.textContent)).toEqual(["forward", "resume_in_forward"]);
    expect(page.one("[aria-pressed=true]").textContent).toContain("0/1");
    await page.click(page.all(".mc-recompiles button")[0]!);
    expect(selected).toEqual([20]);
  });

  it("leave the others as they are when one cannot be shown", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    const host = new MadeUpHost();
    vi.spyOn(host, "part").mockResolvedValue({ lanes: null } as never);
    await show(host);
    expect(page.one("[role=alert]").textContent).toMatch(/^This part could not be shown: .+\./);
    await open("time");
    expect(page.all("[role=alert]")).toHaveLength(0);
    expect(page.all("canvas")).toHaveLength(1);
  });

  it("say so when plotly cannot be loaded, and ask again", async () => {
    const host = new PlotlyHost();
    await show(host);
    await open("plots");
    expect(page.one("[role=alert]").textContent).toContain("Could not load plotly. This recording has no plotly");
    await page.click(page.one("[role=alert] button"));
    expect(host.asked.filter((each) => each === "plotly:")).toHaveLength(2);
  });
});
