import { describe, expect, it } from "vitest";

import { Inline } from "../src/code";
import { lookOf, State } from "../src/states";
import { Rendered } from "./detail/dom";

async function shown(what: preact.ComponentChild): Promise<string> {
  const page = new Rendered();
  await page.show(what);
  return page.element.innerHTML;
}

describe("a sentence", () => {
  it("shows what stands between backticks as code, and nothing as markup", async () => {
    expect(await shown(<Inline text="was `a<b>` and is `c`." />)).toBe("was <code>a&lt;b&gt;</code> and is <code>c</code>.");
  });

  it("leaves a lone backtick alone", async () => {
    expect(await shown(<Inline text="a ` b" />)).toBe("a ` b");
    expect(await shown(<Inline text="`a` and `" />)).toBe("<code>a</code> and `");
  });
});

describe("a state", () => {
  it("has a shape, a tone and a word", async () => {
    const html = await shown(<State word="refused" />);
    expect(html).toContain("mc-tone-problem");
    expect(html).toContain("refused</span>");
    expect(html).toMatch(/<path d="M.+"/);
  });

  it("is nothing where nothing was looked up, and quiet where its word is new", async () => {
    expect(await shown(<State word="" />)).toBe("");
    expect(lookOf("melted")).toEqual({ shape: "", tone: "quiet" });
  });

  it("differs from every other tone by its shape", () => {
    const shapes = (tone: string) => ["failed", "refused", "skipped", "bypass", "miss", "hit", "loaded", "unused"]
      .map(lookOf).filter((look) => look.tone === tone).map((look) => look.shape);
    expect(new Set([...shapes("problem"), ...shapes("caution"), ...shapes("hit"), ...shapes("quiet")]).size).toBe(8);
  });
});
