import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Asks, NOT_CONNECTED } from "../../src/kernel/asks";
import { FakeModel } from "./fakeModel";

let model: FakeModel;
let asks: Asks;
let isConnected: boolean;
let notices: string[];

beforeEach(() => {
  vi.useFakeTimers();
  isConnected = true;
  model = new FakeModel();
  asks = new Asks(model, () => isConnected);
  notices = [];
  asks.onNotice((notice) => notices.push(notice));
});
afterEach(() => vi.useRealTimers());

describe("an ask", () => {
  it("is a message with a number, and its answer has the same", async () => {
    const [first, second] = [asks.ask("part", { kind: "node", name: "1" }), asks.ask("part", { kind: "node", name: "2" })];
    expect(model.sent[0]).toEqual({ type: "ask", id: 1, name: "part", params: { kind: "node", name: "1" }, buffer: undefined });
    await model.answer({ id: 2, result: "two" });
    await model.answer({ id: 1, result: "one", buffer: Uint8Array.of(7, 8) });
    expect(await second).toEqual({ result: "two", buffer: undefined });
    expect(await first).toEqual({ result: "one", buffer: Uint8Array.of(7, 8) });
  });

  it("fails with the kernel's own sentence", async () => {
    const ask = asks.ask("act", {});
    void model.answer({ error: "the bundle is damaged" });
    await expect(ask).rejects.toThrow("the bundle is damaged");
  });

  it("tells how far it is", async () => {
    const progress: unknown[] = [];
    const ask = asks.ask("act", {}, { onProgress: ({ done, total }) => progress.push([done, total]) });
    model.trigger("msg:custom", { type: "progress", id: 1, done: 3, total: 10 });
    await model.answer({ result: null });
    await ask;
    expect(progress).toEqual([[3, 10]]);
  });

  it("passes over messages that are nobody's", async () => {
    const ask = asks.ask("part", {});
    model.trigger("msg:custom", { type: "answer", id: 99, result: "other" });
    model.trigger("msg:custom", { type: "hello", id: 1 });
    await model.answer({ result: "mine" });
    expect((await ask).result).toBe("mine");
  });

  it("ends at its limit, and says what to do", async () => {
    const ask = asks.ask("part", {}, { limitMs: 120_000 });
    void vi.advanceTimersByTimeAsync(120_000);
    await expect(ask).rejects.toThrow("did not answer within 2 minutes. Interrupt the cell or try again.");
    expect(notices.at(-1)).toBe("");
  });
});

describe("a kernel", () => {
  it("is called busy after two seconds of silence, until it answers", async () => {
    void asks.ask("part", {});
    await vi.advanceTimersByTimeAsync(1_999);
    expect(notices).toEqual([""]);
    await vi.advanceTimersByTimeAsync(1);
    expect(notices.at(-1)).toContain("busy");
    await model.answer({ result: null });
    expect(notices.at(-1)).toBe("");
  });

  it("is not called busy while it tells of progress", async () => {
    void asks.ask("act", {});
    model.trigger("msg:custom", { type: "progress", id: 1, done: 1, total: 2 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(notices).toEqual([""]);
  });

  it("that is not there is not asked", async () => {
    isConnected = false;
    await expect(asks.ask("part", {})).rejects.toThrow(NOT_CONNECTED);
    expect(model.sent).toEqual([]);
  });

  it("that is lost answers nothing any more", async () => {
    const ask = asks.ask("part", {});
    isConnected = false;
    model.trigger("comm_live_update");
    await expect(ask).rejects.toThrow(NOT_CONNECTED);
    expect(notices.at(-1)).toBe(NOT_CONNECTED);
  });

  it("to which nothing can be sent is not there, until it is heard again", async () => {
    model.send = () => {
      throw new Error("Cannot send");
    };
    await expect(asks.ask("part", {})).rejects.toThrow(NOT_CONNECTED);
    expect(notices.at(-1)).toBe(NOT_CONNECTED);
    model.trigger("msg:custom", { type: "answer", id: 1, result: null });
    expect(notices.at(-1)).toBe("");
  });
});

it("closed, it waits for nothing and listens no more", async () => {
  const ask = asks.ask("part", {});
  asks.close();
  await expect(ask).rejects.toThrow("closed");
  expect(model.listenerCount).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});
