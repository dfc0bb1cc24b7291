/** Icicle table: the cells right below the top one in words, for screen readers. */

import type { TreeModel } from "../tree/model";
import type { Cell } from "./cells";
import { nameOf } from "./paintIcicle";

/** A longer table helps nobody: the tree has the same amounts. */
const LIMIT = 60;

/** Render the parts of a cell with their amounts; nothing where there are many. */
export function IcicleTable({ tree, top, amountText }: {
  tree: TreeModel;
  top: Cell;
  amountText: (cell: Cell) => string;
}) {
  const parts = top.children ?? [];
  if (!parts.length || parts.length > LIMIT) return null;
  return (
    <table class="mc-spoken">
      <caption>Parts of {nameOf(tree, top.data)}</caption>
      <tbody>
        {parts.map((cell) => (
          <tr key={cell.data}>
            <th scope="row">{nameOf(tree, cell.data)}</th>
            <td>{amountText(cell)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
