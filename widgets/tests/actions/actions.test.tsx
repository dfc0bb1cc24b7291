import { beforeEach, describe, expect, it } from "vitest";

import { ActionBar } from "../../src/actions/ActionBar";
import { Work } from "../../src/actions/work";
import type { Action, Host, Outcome, Progress } from "../../src/host";
import { StatusLine } from "../../src/shell/StatusLine";
import { Rendered } from "../detail/dom";
import { columnsOf } from "../synthetic";

const ALL: readonly Action[] = ["save", "save_as", "load", "upload", "export_bundle", "export_html", "export_trace"];

/** One call of `act`, which the test ends as it likes. */
interface Call {
  readonly action: Action;
  readonly asked: unknown;
  readonly onProgress: (progress: Progress) => void;
  readonly end: (outcome: Outcome) => void;
  readonly fail: (error: Error) => void;
}

let calls: Call[];
let forgotten: number;
let page: Rendered;

async function show(actions: readonly Action[] = ALL, bundle: string | null = "a.megacache"): Promise<void> {
  calls = [];
  forgotten = 0;
  const host = {
    actions: new Set(actions),
    act: (action, asked, onProgress) => new Promise((end, fail) => calls.push({ action, asked, onProgress, end, fail })),
    forget: () => (forgotten += 1),
  } as Partial<Host> as Host;
  const work = new Work(host);
  const { summary } = columnsOf([], { bundle });
  page = new Rendered();
  await page.show(<><ActionBar work={work} summary={summary} /><StatusLine work={work} host={host} note="" /></>);
}

const buttons = () => page.all(".mc-actions > button, .mc-menu > button").map((each) => each.textContent);
const button = (text: string) => page.all("button").find((each) => each.textContent === text)!;
const status = () => page.one(".mc-status-line");

async function choose(text: string): Promise<void> {
  await page.click(page.one("[aria-haspopup=menu]"));
  await page.click(button(text));
}

beforeEach(() => show());

describe("the buttons", () => {
  it("are those of what the host can do, the lesser ones in a menu", async () => {
    expect(buttons()).toEqual(["Save", "Load…", "More ▾", "Export bundle"]);
    await show(["export_trace"]);
    expect(buttons()).toEqual(["Export trace"]);
    await show([]);
    expect(buttons()).toEqual([]);
  });

  it("wait while something is done, and say how far it is", async () => {
    await page.click(button("Save"));
    expect(calls[0]).toMatchObject({ action: "save" });
    expect(button("Export bundle").getAttribute("aria-disabled")).toBe("true");
    await page.click(button("Export bundle"));
    expect(calls).toHaveLength(1);
    calls[0]!.onProgress({ done: 1, total: 3 });
    await page.settle();
    expect(status().textContent).toContain("Saving a.megacache…33 %");
  });

  it("do not say twice what hinders the kernel", async () => {
    const notice = "Not connected to a kernel.";
    const host = {
      actions: new Set(["save"]),
      act: () => Promise.reject(new Error(notice)),
      onNotice: (tell) => (tell(notice), () => undefined),
    } as Partial<Host> as Host;
    const work = new Work(host);
    page = new Rendered();
    await page.show(<StatusLine work={work} host={host} note="" />);
    expect(status().textContent).toBe(notice);
    await work.run("save", {}, "Saving").catch(() => undefined);
    await page.settle();
    expect(status().textContent).toBe(`Saving failed: ${notice}`);
  });

  it("lead to an outcome in the status line, and can be used again", async () => {
    await page.click(button("Save"));
    calls[0]!.end({ text: "Saved 3 new artifacts" });
    await page.settle();
    expect(status().querySelector("[role=status]")!.textContent).toBe("Saved 3 new artifacts");
    expect(button("Save").getAttribute("aria-disabled")).toBe("false");
  });

  it("lead to an alert where it failed, and earlier messages stay", async () => {
    await page.click(button("Save"));
    calls[0]!.fail(new Error("the disk is full"));
    await page.settle();
    expect(status().querySelector("[role=alert]")!.textContent).toBe("Saving a.megacache failed: the disk is full");
    await page.click(button("Save"));
    calls[1]!.end({ text: "Saved" });
    await page.settle();
    await page.click(button("2 messages"));
    expect(page.all(".mc-messages li").map((each) => each.className)).toEqual(["", "mc-failed"]);
  });

  it("ask for a path to save to where there is none", async () => {
    await show(ALL, null);
    await page.click(button("Save"));
    expect(calls).toEqual([]);
    expect(page.one("dialog h2").textContent).toBe("Save as");
  });
});

describe("the menu", () => {
  const items = () => page.all("[role=menuitem]");

  it("is walked with the arrow keys as a ring, and closed with Escape", async () => {
    const opener = page.one("[aria-haspopup=menu]");
    await page.press(opener, "ArrowDown");
    expect(document.activeElement).toBe(items()[0]);
    await page.press(items()[0]!, "ArrowUp");
    expect(document.activeElement).toBe(items()[2]);
    await page.press(items()[2]!, "Escape");
    expect(items()).toEqual([]);
    expect(document.activeElement).toBe(opener);
  });

  it("is closed by a press elsewhere", async () => {
    await page.click(page.one("[aria-haspopup=menu]"));
    document.body.dispatchEvent(new Event("pointerdown", { bubbles: true, composed: true }));
    await page.settle();
    expect(items()).toEqual([]);
  });

  it("does at once what asks nothing", async () => {
    await choose("Export trace");
    expect(calls[0]).toMatchObject({ action: "export_trace", asked: {} });
  });
});

describe("the dialog", () => {
  const submit = async () => {
    page.one("dialog form").dispatchEvent(new Event("submit", { cancelable: true, bubbles: true }));
    await page.settle();
  };

  it("save as begins with the path of the bundle, and closes when it is saved", async () => {
    await choose("Save as…");
    await page.type(page.one<HTMLInputElement>("dialog .mc-input"), " b.megacache ");
    await submit();
    expect(calls[0]).toMatchObject({ action: "save_as", asked: { path: "b.megacache" } });
    calls[0]!.end({ text: "Saved" });
    await page.settle();
    expect(page.all("dialog[open]")).toEqual([]);
  });

  it("does nothing without a path", async () => {
    await choose("Save as…");
    await page.type(page.one<HTMLInputElement>("dialog .mc-input"), "  ");
    await submit();
    expect(calls).toEqual([]);
  });

  it("export HTML keeps nothing that was not asked for", async () => {
    await choose("Export HTML…");
    await submit();
    expect(calls[0]!.asked).toEqual({ options: { keepsHome: false, keepsEnvironment: false } });
    calls[0]!.fail(new Error("no"));
    await page.settle();
    const [home] = page.all("dialog input[type=checkbox]");
    await page.click(home!);
    await submit();
    expect(calls[1]!.asked).toEqual({ options: { keepsHome: true, keepsEnvironment: false } });
  });

  it("load sends a file, shows how far it is, then the verdicts", async () => {
    await page.click(button("Load…"));
    const warning = "Loading a cache runs its code: you are asked again where it may not be your own.";
    expect(page.one("dialog").textContent).toContain(warning);
    const file = new File(["content"], "c.megacache");
    const input = page.one<HTMLInputElement>("dialog input[type=file]");
    Object.defineProperty(input, "files", { value: [file] });
    input.dispatchEvent(new Event("change", { bubbles: true }));
    await page.settle();
    expect(page.one("dialog").textContent).toContain("7 B to send.");
    expect(page.one("dialog").textContent).toContain(warning);
    await submit();
    expect(calls[0]).toMatchObject({ action: "upload", asked: { file } });
    calls[0]!.onProgress({ done: 1, total: 2 });
    await page.settle();
    expect(page.one("dialog progress").getAttribute("value")).toBe("1");
    expect(page.one("dialog").textContent).toContain("50 %");
    calls[0]!.end({ text: "2 artifacts", verdicts: [{ verdict: "refused", count: 2, bytes: 2000, type: "kernel", reason: "made for `avx512`" }] });
    await page.settle();
    expect(page.all("dialog td").map((cell) => cell.textContent)).toEqual(["refused", "kernel", "2", "2.0 kB", "made for avx512"]);
  });

  describe("load of what is doubted", () => {
    const doubts = ["it belongs to `eve` (user 1001), and you are `ada` (user 1000)", "nobody signed it"];
    const verb = "Load it: this runs the code in it";

    beforeEach(async () => {
      await page.click(button("Load…"));
      await page.click(page.all("dialog input[type=radio]")[1]!);
      await page.type(page.one<HTMLInputElement>("dialog .mc-input"), "d.megacache");
      await submit();
      calls[0]!.end({ text: "d.megacache is not loaded yet", doubts });
      await page.settle();
    });

    it("tells the doubts and waits for a second, explicit step", async () => {
      expect(page.one("dialog h2").textContent).toBe("d.megacache may not be your own");
      expect(page.all("dialog li").map((each) => each.textContent)).toEqual(doubts.map((each) => each.replaceAll("`", "")));
      expect(document.activeElement).toBe(page.one(".mc-doubts"));
      expect(calls).toHaveLength(1);
      expect(button("Load")).toBeUndefined();
      await page.click(button(verb));
      await submit();
      expect(calls[1]).toMatchObject({ action: "load", asked: { path: "d.megacache", trusts: true } });
      calls[1]!.end({ text: "1 artifact", verdicts: [{ verdict: "loaded", count: 1, bytes: 2000, type: "kernel", reason: "" }] });
      await page.settle();
      expect(page.one("dialog h2").textContent).toBe("Loaded d.megacache");
      expect(forgotten).toBe(0);
    });

    it("is forgotten when it is cancelled", async () => {
      await page.click(button("Cancel"));
      expect(page.all("dialog[open]")).toEqual([]);
      expect(calls).toHaveLength(1);
      expect(forgotten).toBe(1);
    });
  });

  it("load shows no column of reasons where all was loaded", async () => {
    await page.click(button("Load…"));
    await page.click(page.all("dialog input[type=radio]")[1]!);
    await page.type(page.one<HTMLInputElement>("dialog .mc-input"), "d.megacache");
    await submit();
    calls[0]!.end({ text: "2 artifacts", verdicts: [{ verdict: "loaded", count: 2, bytes: 2000, type: "kernel", reason: "" }] });
    await page.settle();
    expect(page.all("dialog th").map((head) => head.textContent)).toEqual(["verdict", "type", "artifacts", "bytes"]);
  });

  it("load takes a path too; a failure stays in it, and it can be tried again", async () => {
    await page.click(button("Load…"));
    await page.click(page.all("dialog input[type=radio]")[1]!);
    await page.type(page.one<HTMLInputElement>("dialog .mc-input"), "d.megacache");
    await submit();
    expect(calls[0]).toMatchObject({ action: "load", asked: { path: "d.megacache" } });
    calls[0]!.fail(new Error("there is no such file"));
    await page.settle();
    expect(page.one("dialog [role=alert]").textContent).toBe("there is no such file");
    expect(page.one<HTMLInputElement>("dialog .mc-input").value).toBe("d.megacache");
    await submit();
    expect(calls).toHaveLength(2);
  });

  it("load offers the bundle that is shown, but not the one that a session saves to", async () => {
    await show(["load", "upload", "save_as", "export_bundle"], "/data/shown.megacache");
    await page.click(button("Load…"));
    expect(page.one<HTMLInputElement>("dialog .mc-input").value).toBe("/data/shown.megacache");
    await submit();
    expect(calls[0]).toMatchObject({ action: "load", asked: { path: "/data/shown.megacache" } });
    await show(ALL, "/data/session.megacache");
    await page.click(button("Load…"));
    await page.click(page.all("dialog input[type=radio]")[1]!);
    expect(page.one<HTMLInputElement>("dialog .mc-input").value).toBe("");
  });
});
