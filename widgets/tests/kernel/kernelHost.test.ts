import { beforeEach, describe, expect, it, type MockInstance, vi } from "vitest";

import * as file from "../../src/file";
import type { Progress } from "../../src/host";
import { KernelHost } from "../../src/kernel/kernelHost";
import { gzip } from "../synthetic";
import { FakeModel } from "./fakeModel";

const MEBIBYTE = 1 << 20;

let model: FakeModel;
let host: KernelHost;
let progress: Progress[];
const onProgress = (each: Progress) => void progress.push(each);
let offered: MockInstance<typeof file.offerFile>;

beforeEach(() => {
  offered = vi.spyOn(file, "offerFile").mockImplementation(() => undefined);
  progress = [];
  model = new FakeModel({ _tree: new DataView(Uint8Array.of(9, 1, 2).buffer, 1), _actions: ["save"], _has_plotly: true });
  host = new KernelHost(model, () => true);
});

describe("trees", () => {
  it("of functions come with the widget", async () => {
    expect(await host.tree("functions")).toEqual(Uint8Array.of(1, 2));
    expect(model.sent).toEqual([]);
  });

  it("of call stacks are asked for", async () => {
    const tree = host.tree("stacks");
    expect(model.asked).toMatchObject({ name: "tree", params: { grouping: "stacks" } });
    await model.answer({ buffer: Uint8Array.of(5) });
    expect(await tree).toEqual(Uint8Array.of(5));
  });

  it("tell when they are others, as long as one listens", () => {
    const changed = vi.fn();
    const ignore = host.onChange(changed);
    model.set("_tree", null);
    ignore();
    model.set("_tree", null);
    expect(changed).toHaveBeenCalledTimes(1);
  });
});

describe("parts", () => {
  it("come as they are, or compressed where they are large", async () => {
    const small = host.part("node", "7");
    expect(model.asked).toMatchObject({ name: "part", params: { kind: "node", name: "7" } });
    await model.answer({ result: { id: 7 } });
    expect(await small).toEqual({ id: 7 });
    const large = host.part("text", "abc");
    await model.answer({ result: null, buffer: await gzip(new TextEncoder().encode('{"text":"ü"}')) });
    expect(await large).toEqual({ text: "ü" });
  });
});

describe("an action", () => {
  it("is asked for with what belongs to it", async () => {
    const outcome = host.act("save_as", { path: "a.megacache" }, onProgress);
    expect(model.asked).toMatchObject({ name: "act", params: { action: "save_as", path: "a.megacache" } });
    await model.answer({ result: { text: "saved" } });
    expect(await outcome).toEqual({ text: "saved" });
  });

  it("fetches what it offers in pieces, and tells how far it is", async () => {
    const outcome = host.act("export_bundle", {}, onProgress);
    await model.answer({ result: { text: "exported", download: { token: "t", name: "a.megacache", bytes: 5, mime: "x/y" } } });
    expect(model.asked).toMatchObject({ name: "download", params: { token: "t", at: 0 } });
    await model.answer({ result: { isLast: false }, buffer: Uint8Array.of(1, 2, 3) });
    expect(model.asked.params["at"]).toBe(3);
    await model.answer({ result: { isLast: true }, buffer: Uint8Array.of(4, 5) });
    expect(await outcome).toEqual({ text: "exported" });
    expect(offered).toHaveBeenCalledExactlyOnceWith("a.megacache", "x/y", [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)]);
    expect(progress).toEqual([{ done: 0, total: 5 }, { done: 3, total: 5 }]);
  });

  it("offers no file of which a piece is missing, and cancels", async () => {
    const outcome = host.act("export_bundle", {}, onProgress);
    const failed = expect(outcome).rejects.toThrow("only 0 of 5 bytes");
    await model.answer({ result: { text: "exported", download: { token: "t", name: "a", bytes: 5, mime: "x/y" } } });
    await model.answer({ result: { isLast: false } });
    await failed;
    expect(offered).not.toHaveBeenCalled();
    expect(model.asked).toMatchObject({ name: "cancel", params: { token: "t" } });
  });
});

describe("an upload", () => {
  const bytes = Uint8Array.from({ length: 2 * MEBIBYTE + 10 }, (_, at) => at % 251);
  const begin = () => host.act("upload", { file: new File([bytes], "b.megacache") }, onProgress);
  const until = (name: string) => vi.waitUntil(() => model.asked?.name === name && model.asked);

  it("goes in pieces of a mebibyte, in order, and then is loaded", async () => {
    const outcome = begin();
    expect((await until("upload_begin")).params).toEqual({ name: "b.megacache", bytes: bytes.length });
    await model.answer({ result: { token: "u" } });
    const received = new Uint8Array(bytes.length);
    for (const at of [0, MEBIBYTE, 2 * MEBIBYTE]) {
      const ask = await vi.waitUntil(() => model.asked.params["at"] === at && model.asked);
      expect(ask).toMatchObject({ name: "upload_chunk", params: { token: "u", at } });
      received.set(new Uint8Array(ask.buffer!), at);
      await model.answer({ result: { received: at + ask.buffer!.byteLength } });
    }
    await until("upload_end");
    await model.answer({ result: { text: "loaded", verdicts: [] } });
    expect(await outcome).toEqual({ text: "loaded", verdicts: [] });
    expect(received.every((byte, at) => byte === bytes[at])).toBe(true);
    expect(progress.at(-1)).toEqual({ done: bytes.length, total: bytes.length });
  });

  it("that is doubted waits, and is loaded without being sent again", async () => {
    const small = new File([Uint8Array.of(1, 2)], "s.megacache");
    const first = host.act("upload", { file: small }, onProgress);
    await until("upload_begin");
    await model.answer({ result: { token: "u" } });
    await until("upload_chunk");
    await model.answer({ result: { received: 2 } });
    expect((await until("upload_end")).params).toEqual({ token: "u", trusts: false });
    await model.answer({ result: { text: "not yet", doubts: ["it came from the browser"] } });
    expect((await first).doubts).toEqual(["it came from the browser"]);
    const second = host.act("upload", { file: small, trusts: true }, onProgress);
    expect(model.asked).toMatchObject({ name: "upload_end", params: { token: "u", trusts: true } });
    await model.answer({ result: { text: "loaded", verdicts: [] } });
    expect(await second).toEqual({ text: "loaded", verdicts: [] });
    const sent = model.sent.length;
    host.forget();
    expect(model.sent).toHaveLength(sent);
  });

  it("that is doubted can be forgotten, and is when another one is sent", async () => {
    const small = new File([Uint8Array.of(1, 2)], "s.megacache");
    for (const token of ["u", "v"]) {
      const outcome = host.act("upload", { file: small }, onProgress);
      await until("upload_begin");
      await model.answer({ result: { token } });
      await until("upload_chunk");
      await model.answer({ result: { received: 2 } });
      await until("upload_end");
      await model.answer({ result: { text: "not yet", doubts: ["it came from the browser"] } });
      await outcome;
    }
    host.forget();
    const cancelled = model.sent.filter((each) => each.name === "cancel").map((each) => each.params["token"]);
    expect(cancelled).toEqual(["u", "v"]);
  });

  it("that fails is cancelled, and fails with the kernel's sentence", async () => {
    const outcome = begin();
    const failed = expect(outcome).rejects.toThrow("the disk is full");
    await until("upload_begin");
    await model.answer({ result: { token: "u" } });
    await until("upload_chunk");
    await model.answer({ error: "the disk is full" });
    await failed;
    expect(model.asked).toMatchObject({ name: "cancel", params: { token: "u" } });
  });
});

it("offers what the widget says", () => {
  expect([...host.actions]).toEqual(["save"]);
  expect(host.hasPlotly).toBe(true);
});
