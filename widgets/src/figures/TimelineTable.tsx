/** Timeline table: the same as the picture, in words, for screen readers. */

import { formatDuration } from "../format";
import type { TimelinePart } from "../host";
import type { Row } from "./spans";

/** A longer table helps nobody: the tree has the same times. */
const LIMIT = 60;

/** Render each row with the time that it was in each phase; nothing where there are many. */
export function TimelineTable({ part, rows }: { part: TimelinePart; rows: readonly Row[] }) {
  if (rows.length > LIMIT) return null;
  return (
    <table class="mc-spoken">
      <caption>Compile time by phase</caption>
      <thead>
        <tr>
          <th scope="col">compile</th>
          <th scope="col">function</th>
          {part.phases.map(({ phase, title }) => <th key={phase} scope="col">{title}</th>)}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, at) => (
          <tr key={at}>
            <th scope="row">{row.label}</th>
            <td>{row.title}</td>
            {part.phases.map(({ phase }, of) => <td key={phase}>{formatDuration(timeIn(row, of))}</td>)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function timeIn(row: Row, phase: number): number {
  return row.bars.reduce((sum, bar) => (bar.phase === phase ? sum + bar.end - bar.start : sum), 0);
}
