import { expect, it } from "vitest";

import { Choice } from "../src/detail/Choice";
import { Rendered } from "./detail/dom";

it("the choices of two explorers in one document are two groups, and a choice keeps its own", async () => {
  const name = (page: Rendered) => page.one("input").getAttribute("name");
  const choice = <Choice label="By" options={[["a", "A"]]} chosen="a" onChoose={() => undefined} />;
  const [one, other] = [new Rendered(), new Rendered()];
  await one.show(choice);
  await other.show(choice);
  const before = name(one);
  expect(before).not.toBe(name(other));
  await one.show(choice);
  expect(name(one)).toBe(before);
});
