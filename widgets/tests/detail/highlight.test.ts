import { describe, expect, it } from "vitest";

import { HIGHLIGHT_LIMIT, highlightedLines } from "../../src/detail/highlight";
import { madeUpCode } from "../parts";

/** Return what a reader sees of HTML. */
function shown(html: string): string {
  return html.replace(/<[^>]+>/g, "").replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&quot;/g, '"')
    .replace(/&#x27;/g, "'").replace(/&amp;/g, "&");
}

describe("highlighted lines", () => {
  it("hold the text unchanged, line by line", () => {
    const text = madeUpCode(2);
    expect(highlightedLines(text, "python").map(shown)).toEqual(text.split("\n"));
  });

  it("are whole HTML each, also within a string of several lines", () => {
    const lines = highlightedLines('x = """one\ntwo <b>\nthree"""\n', "python");
    expect(lines[1]).toBe('<span class="hljs-string">two &lt;b&gt;</span>');
    for (const line of lines) {
      expect(line.match(/<span/g)?.length ?? 0).toBe(line.match(/<\/span>/g)?.length ?? 0);
    }
  });

  it("tell the C++ of a kernel from the Python around it", () => {
    const html = highlightedLines(madeUpCode(1), "python").join("\n");
    expect(html).toContain('<span class="hljs-comment">// One row of the embedding at a time.</span>');
    expect(html).toContain('<span class="hljs-keyword">class</span> <span class="hljs-title class_">Runner</span>');
  });

  it("leave a raw string alone that is no kernel", () => {
    expect(highlightedLines("x = r'''\n// not C++\n'''", "python")[1]).toBe('<span class="hljs-string">// not C++</span>');
  });

  it("stay plain beyond the limit, and escaped", () => {
    const text = `x = "<script>"\n${"y = 1\n".repeat(HIGHLIGHT_LIMIT / 6)}`;
    expect(highlightedLines(text, "python")[0]).toBe('x = "&lt;script&gt;"');
  });
});
