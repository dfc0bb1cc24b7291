import { describe, expect, it } from "vitest";

import { frameColour } from "../../src/tree/frameColour";

const NAMES = Array.from({ length: 300 }, (_, at) => `Layer${at}.forward`);

/** Hues of the state colours and of the accent, in degrees. */
const TAKEN = { problem: 27, caution: 92, hit: 154, accent: 261 };

const apart = (one: number, other: number) => Math.min(Math.abs(one - other), 360 - Math.abs(one - other));

describe("the colour of a frame", () => {
  it("is that of its file and function, on whatever line and with whatever was folded", () => {
    const colour = frameColour("forward", "model.py:12");
    expect(colour).not.toBeNull();
    expect(frameColour("forward", "model.py:731")).toEqual(colour);
    expect(frameColour("forward", "model.py:12 · through main, <module>")).toEqual(colour);
    expect(frameColour("<module>", "cell 4f1c2a, line 3")).toEqual(frameColour("<module>", "cell 4f1c2a, line 31"));
  });

  it("is another one for most other functions and files", () => {
    const shown = (colour: ReturnType<typeof frameColour>) => `${colour!.hue} ${colour!.isDeep}`;
    expect(new Set(NAMES.map((name) => shown(frameColour(name, "model.py:1")))).size).toBe(12);
    expect(new Set(NAMES.map((_, at) => shown(frameColour("forward", `model_${at}.py:1`)))).size).toBe(12);
    const counts = NAMES.map((name) => shown(frameColour(name, "model.py:1")));
    for (const each of new Set(counts)) expect(counts.filter((other) => other === each).length).toBeLessThan(60);
  });

  it("is far from the colours that mean something", () => {
    for (const name of NAMES) {
      const { hue } = frameColour(name, "model.py:1")!;
      for (const taken of Object.values(TAKEN)) expect(apart(hue, taken)).toBeGreaterThan(25);
    }
  });

  it("is none where the place is not known", () => {
    expect(frameColour("call stack not recorded", "")).toBeNull();
    expect(frameColour("forward", "through main")).toBeNull();
  });
});
