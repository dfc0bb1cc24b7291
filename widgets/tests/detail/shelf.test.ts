import { describe, expect, it } from "vitest";

import { KEPT, Shelf } from "../../src/detail/shelf";
import type { Parts } from "../../src/host";
import { IDS, MadeUpHost, NODES } from "../parts";

/** A host that knows every node. */
class EveryNode extends MadeUpHost {
  protected override found(kind: keyof Parts, name: string): unknown {
    return kind === "node" ? { ...NODES[IDS.bare], id: Number(name) } : super.found(kind, name);
  }
}

describe("a shelf", () => {
  it("asks for a part once while it is kept", async () => {
    const host = new EveryNode();
    const shelf = new Shelf(host);
    await shelf.part("node", "1");
    await shelf.part("node", "1");
    expect(host.asked).toEqual(["node:1"]);
  });

  it("keeps the parts that were used last", async () => {
    const host = new EveryNode();
    const shelf = new Shelf(host);
    for (let id = 0; id < KEPT; id += 1) await shelf.part("node", String(id));
    await shelf.part("node", "0");
    await shelf.part("node", "new");
    host.asked.length = 0;
    await shelf.part("node", "0");
    await shelf.part("node", "1");
    expect(host.asked).toEqual(["node:1"]);
  });

  it("asks again for a part that failed", async () => {
    const host = new MadeUpHost();
    const shelf = new Shelf(host);
    await expect(shelf.part("node", "404")).rejects.toThrow("no node 404");
    await expect(shelf.part("node", "404")).rejects.toThrow("no node 404");
    expect(host.asked).toHaveLength(2);
  });

  it("forgets what a session may change, and keeps what is named by its content", async () => {
    const host = new MadeUpHost();
    const shelf = new Shelf(host);
    await Promise.all([shelf.part("node", "1"), shelf.part("text", "code")]);
    shelf.renew();
    host.asked.length = 0;
    await Promise.all([shelf.part("node", "1"), shelf.part("text", "code")]);
    expect(host.asked).toEqual(["node:1"]);
  });
});
