// @vitest-environment happy-dom
import { beforeEach, describe, expect, it, vi } from "vitest";

import { Detail } from "../../src/detail/Detail";
import type { Parts } from "../../src/host";
import { IDS, MadeUpHost } from "../parts";
import { Rendered } from "./dom";

/** A host that answers when it is told to. */
class LateHost extends MadeUpHost {
  readonly waiting = new Map<string, () => void>();
  readonly failing = new Set<string>();

  override async part<K extends keyof Parts>(kind: K, name: string): Promise<Parts[K]> {
    await new Promise<void>((resolve) => this.waiting.set(`${kind}:${name}`, resolve));
    if (this.failing.has(`${kind}:${name}`)) throw new Error("The kernel has gone");
    return super.part(kind, name);
  }

  /** Let the answer about a node come. */
  async answer(page: Rendered, id: number): Promise<void> {
    this.waiting.get(`node:${id}`)!();
    await page.settle();
  }
}

describe("the detail", () => {
  let page: Rendered;
  const show = async (host: MadeUpHost, id: number | null) => {
    await page.show(<Detail host={host} id={id} />);
    await page.settle();
  };
  const open = (tab: string) => page.click(page.one(`[data-tab=${tab}]`));
  const chosen = () => page.one("[role=tab][aria-selected=true]").dataset["tab"];
  beforeEach(() => {
    page = new Rendered();
  });

  it("says what to do while nothing is selected", async () => {
    await show(new MadeUpHost(), null);
    expect(page.text).toContain("Select a line of the tree");
  });

  it("shows counts in the tabs, and which tabs have nothing", async () => {
    await show(new MadeUpHost(), IDS.recompile);
    expect(page.all("[role=tab]").map((tab) => tab.textContent?.trim())).toEqual([
      "Overview", "Source", "Guards 41", "Graphs 2", "Code 1", "Artifacts 4", "Why 2",
    ]);
    await show(new MadeUpHost(), IDS.breaks);
    expect(page.all("[aria-disabled=true]").map((tab) => tab.dataset["tab"])).toEqual(["guards", "graphs", "code", "artifacts", "why"]);
  });

  it("keeps the chosen tab over nodes that lack it", async () => {
    const host = new MadeUpHost();
    await show(host, IDS.recompile);
    await open("guards");
    await show(host, IDS.bare);
    expect(chosen()).toBe("overview");
    await show(host, IDS.first);
    expect(chosen()).toBe("guards");
  });

  it("shows nothing of one node under the next", async () => {
    const host = new LateHost();
    await show(host, IDS.forward);
    await host.answer(page, IDS.forward);
    expect(page.one("h2").textContent).toBe("BertModel.forward");
    await show(host, IDS.recompile);
    expect(page.text).not.toContain("BertModel.forward");
    expect(page.text).toContain("Loading the detail");
  });

  it("passes over an answer that comes when another node is shown", async () => {
    const host = new LateHost();
    await show(host, IDS.forward);
    await show(host, IDS.recompile);
    await host.answer(page, IDS.recompile);
    await host.answer(page, IDS.forward);
    expect(page.one("h2").textContent).toBe("recompile 0/1");
  });

  it("says what failed and asks again", async () => {
    const host = new LateHost();
    host.failing.add(`node:${IDS.recompile}`);
    await show(host, IDS.recompile);
    await host.answer(page, IDS.recompile);
    expect(page.one("[role=alert]").textContent).toContain("Could not load the detail. The kernel has gone.");
    host.failing.clear();
    await page.click(page.one("[role=alert] button"));
    await host.answer(page, IDS.recompile);
    expect(page.one("h2").textContent).toBe("recompile 0/1");
  });

  it("shows the other tabs when one cannot be shown, and tries again", async () => {
    const logged = vi.spyOn(console, "error").mockReturnValue();
    const host = new MadeUpHost();
    const node = await host.part("node", String(IDS.recompile));
    let artifacts: unknown = [null];
    vi.spyOn(host, "part").mockImplementation(async () => ({ ...node, artifacts }) as never);
    await show(host, IDS.recompile);
    await open("artifacts");
    expect(page.one("[role=alert]").textContent).toMatch(/^This part could not be shown: .+\.Try again$/);
    expect(logged).toHaveBeenCalledOnce();
    await open("overview");
    expect(page.one("h2").textContent).toBe("recompile 0/1");
    await open("artifacts");
    expect(page.all("[role=alert]")).toHaveLength(1);
    artifacts = node.artifacts;
    host.change();
    await page.settle();
    await page.click(page.one("[role=alert] button"));
    expect(page.all("[role=alert]")).toHaveLength(0);
    expect(page.one("[role=tabpanel]").textContent).toContain("inductor");
  });

  it("keeps what it shows while a session goes on, until the new answer has come", async () => {
    const host = new LateHost();
    await show(host, IDS.recompile);
    await host.answer(page, IDS.recompile);
    host.waiting.clear();
    host.change();
    await page.settle();
    expect(page.one("h2").textContent).toBe("recompile 0/1");
    expect([...host.waiting.keys()]).toEqual([`node:${IDS.recompile}`]);
  });
});
