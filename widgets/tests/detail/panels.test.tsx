// @vitest-environment happy-dom
import { beforeEach, describe, expect, it, vi } from "vitest";

import { Detail } from "../../src/detail/Detail";
import { IDS, MadeUpHost } from "../parts";
import { Rendered } from "./dom";

describe("the panel of", () => {
  let page: Rendered;
  let host: MadeUpHost;
  const open = async (tab: string, id: number = IDS.recompile) => {
    await page.show(<Detail host={host} id={id} />);
    await page.settle();
    await page.click(page.one(`[data-tab=${tab}]`));
  };
  beforeEach(() => {
    page = new Rendered();
    host = new MadeUpHost();
  });

  it("the overview shows findings, phases, facts and states", async () => {
    await open("overview", IDS.forward);
    expect(page.all(".mc-finding strong").map((each) => each.textContent)).toEqual(["Graph break", "Recompiled"]);
    expect(page.one(".mc-finding code").textContent).toBe("modeling_bert.py");
    expect(page.one(".mc-phases .mc-legend").textContent).toContain("C++ / Triton 7.9 s");
    expect(page.one(".mc-facts").textContent).toContain("first linemodeling_bert.py:731");
    expect(page.one(".mc-table tbody tr").textContent).toBe("refused159 kB");
  });

  it("the source marks lines, says why, and which line the node is about", async () => {
    await open("source", IDS.breaks);
    const here = page.one("[aria-current=location]");
    expect(here.textContent).toContain("graph break: builtin print");
    expect(here.classList).toContain("mc-line-break");
    expect(page.one(".mc-line code").textContent).toBe("def forward(self, input_ids, attention_mask):");
    expect(page.all(".mc-source .mc-legend li").map((each) => each.textContent)).toEqual([
      "in a graph", "graph break", "a guard here failed", "runs in Python",
    ]);
  });

  it("guards filters, and puts the failing one on top", async () => {
    await open("guards");
    expect(page.one(".mc-guard").textContent).toContain("failed in 0/1");
    await page.type(page.one("input[type=search]"), "pinned");
    expect(page.all(".mc-guard")).toHaveLength(1);
    expect(page.one(".mc-guard").textContent).toContain("dropped: it cannot be serialized");
    await page.type(page.one("input[type=search]"), "no such guard");
    expect(page.text).toContain("No guard matches.");
    await page.click(page.one(".mc-empty button"));
    expect(page.all(".mc-guard").length).toBeGreaterThan(30);
  });

  it("guards mounts a part of many, and says how many there are", async () => {
    await open("guards", IDS.first);
    const mounted = page.all(".mc-guard").length;
    expect(mounted).toBeGreaterThan(0);
    expect(mounted).toBeLessThan(100);
    expect(page.one("[role=listitem]").getAttribute("aria-setsize")).toBe("424");
  });

  it("graphs shows one text at a time", async () => {
    await open("graphs");
    expect(host.asked).not.toContain("text:post");
    await page.click(page.all(".mc-texts input")[1]!);
    expect(page.one(".mc-code").getAttribute("aria-label")).toBe("post grad graph, inference 0/1");
    expect(page.text).toContain("12 kB more at the end are not shown.");
  });

  it("code counts what is found, and goes round", async () => {
    await open("code");
    await page.type(page.one("input[type=search]"), "extern");
    await page.settle();
    expect(page.one(".mc-found").textContent).toBe("1 of 4");
    await page.click(page.one("[aria-label='Previous place']"));
    expect(page.one(".mc-found").textContent).toBe("4 of 4");
    await page.type(page.one("input[type=search]"), "no such word");
    await page.settle();
    expect(page.one(".mc-found").textContent).toBe("not found");
  });

  it("code copies the text, and says so", async () => {
    const writeText = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
    await open("code");
    await page.click(page.one(".mc-copy"));
    expect(writeText.mock.calls[0]![0]).toContain("cpp_fused_embedding_3");
    expect(page.one(".mc-copy").textContent).toBe("Copied");
  });

  it("artifacts asks for key components when a row is unfolded", async () => {
    await open("artifacts");
    expect(host.asked).not.toContain("components:fx");
    const row = page.all(".mc-artifact")[1] as HTMLDetailsElement;
    row.open = true;
    row.dispatchEvent(new Event("toggle"));
    await page.settle();
    expect(host.asked).toContain("components:fx");
    expect(row.textContent).toContain("inductor_config[epilogue_fusion]");
    expect(row.textContent).toContain("1e6c2bfecc9c0443eb7313aafd85b821f33eb77e9ec70ffeab5e05a70c117ae7");
  });

  it("why shows what differs, and what one side lacks", async () => {
    await open("why");
    expect(page.all(".mc-difference mark").map((each) => each.textContent)).toContain("76]), stride=(76");
    expect(page.all(".mc-difference tbody tr")[2]!.textContent).toBe("cache_key_tagabsentnightly");
  });
});
