import { beforeEach, describe, expect, it, vi } from "vitest";

import * as file from "../../src/file";
import * as packed from "../../src/gzip";
import { PageHost } from "../../src/page/pageHost";
import { MadeUpHost } from "../parts";
import { gzip } from "../synthetic";

const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));
const script = (attributes: string, text: string) => `<script type="text/plain" ${attributes}>${text}</script>`;

async function shard(parts: Record<string, unknown>): Promise<string> {
  const first = Object.keys(parts)[0]!;
  return script(`class="megacache-shard" data-first="${first}"`, base64(await gzip(new TextEncoder().encode(JSON.stringify(parts)))));
}

let host: PageHost;

beforeEach(async () => {
  document.title = "encoder · megacache";
  const timeline = await new MadeUpHost().part("timeline", "");
  document.body.innerHTML = [
    '<div id="megacache"></div>',
    script('id="megacache-tree" data-grouping="functions"', base64(Uint8Array.of(0, 255, 128))),
    await shard({ "guards:r:0/0": "g", "node:1": "one", "node:2": "two" }),
    await shard({ "node:3": "three", "node:5": "five" }),
    await shard({ "source:x": "</script>", "timeline:": timeline }),
  ].join("");
  host = new PageHost(document);
});

describe("an exported page", () => {
  it("has its trees as bytes", async () => {
    expect(await host.tree("functions")).toEqual(Uint8Array.of(0, 255, 128));
    await expect(host.tree("stacks")).rejects.toThrow("exported without");
  });

  it("finds a part in its shard: the first, one in between, the last", async () => {
    const names = [["guards", "r:0/0"], ["node", "2"], ["node", "3"], ["node", "5"], ["source", "x"]] as const;
    expect(await Promise.all(names.map(([kind, name]) => host.part(kind, name)))).toEqual(["g", "two", "three", "five", "</script>"]);
  });

  it("says when it lacks a part, before, between and behind the others", async () => {
    for (const [kind, name] of [["figure", "sizes"], ["node", "4"], ["text", "x"]] as const) {
      await expect(host.part(kind, name)).rejects.toThrow("exported without");
    }
  });

  it("unpacks a shard once", async () => {
    const unpack = vi.spyOn(packed, "gunzipJson");
    await Promise.all([host.part("node", "1"), host.part("node", "2")]);
    expect(unpack).toHaveBeenCalledTimes(1);
  });

  it("can export a trace and nothing else", async () => {
    const offered = vi.spyOn(file, "offerFile").mockImplementation(() => undefined);
    expect([...host.actions]).toEqual(["export_trace"]);
    expect((await host.act("export_trace")).text).toBe("Exported encoder.trace.json. Open it in Perfetto.");
    const [name, mime, [text]] = offered.mock.calls[0]!;
    expect([name, mime]).toEqual(["encoder.trace.json", "application/json"]);
    expect(JSON.parse(text as string).traceEvents.length).toBeGreaterThan(5);
    await expect(host.act("save")).rejects.toThrow("only in a notebook");
  });
});
