/**
 * Highlight: source as HTML with highlight.js' classes; C++ inside the Python that inductor writes is told apart.
 */

import hljs from "highlight.js/lib/core";
import cpp from "highlight.js/lib/languages/cpp";
import python from "highlight.js/lib/languages/python";

import type { TextPart } from "../host";

hljs.registerLanguage("python", python);
hljs.registerLanguage("cpp", cpp);

type Language = TextPart["language"];

/** Longer texts stay plain: at 35 ms per 100 kB, colour would cost more than it tells. */
export const HIGHLIGHT_LIMIT = 400_000;

/** A kernel that inductor hands to its C++ compiler as a raw string, `async_compile.cpp_pybinding([...], r'''...''')`. */
const KERNEL = /(async_compile\.cpp\w*\([^\n]*?r''')([\s\S]*?)(?=''')/g;

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** Return a text as HTML, one entry per line; each line is whole HTML of its own. */
export function highlightedLines(text: string, language: Language): string[] {
  return wholeLines(highlighted(text, language));
}

function highlighted(text: string, language: Language): string {
  if (language === "plain" || text.length > HIGHLIGHT_LIMIT) return escaped(text);
  if (language === "cpp") return hljs.highlight(text, { language, ignoreIllegals: true }).value;
  return withKernels(text);
}

function withKernels(text: string): string {
  let html = "";
  let at = 0;
  for (const kernel of text.matchAll(KERNEL)) {
    const begin = kernel.index + kernel[1]!.length;
    const end = kernel.index + kernel[0].length;
    // The quotes go with the C++: without them both languages are whole on their own.
    html += ofPython(text.slice(at, begin - 4)) + escaped("r'''");
    html += hljs.highlight(text.slice(begin, end), { language: "cpp", ignoreIllegals: true }).value + escaped("'''");
    at = end + 3;
  }
  return html + ofPython(text.slice(at));
}

function ofPython(text: string): string {
  return hljs.highlight(text, { language: "python", ignoreIllegals: true }).value;
}

/** Cut HTML at its newlines; spans that are open there are closed, and opened again in the next line. */
function wholeLines(html: string): string[] {
  const open: string[] = [];
  return html.split("\n").map((line) => {
    const before = open.join("");
    for (const [tag] of line.matchAll(/<span[^>]*>|<\/span>/g)) {
      if (tag === "</span>") open.pop();
      else open.push(tag);
    }
    return before + line + "</span>".repeat(open.length);
  });
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (sign) => ENTITIES[sign]!);
}
