/** Verdicts: what became of the artifacts of a bundle that was loaded. */

import { Inline } from "../code";
import { formatBytes, formatCount } from "../format";
import type { VerdictRow } from "../host";
import { State } from "../states";

/** Render a table with a row per verdict, type and reason; nothing where there are none, and no column of reasons without one. */
export function Verdicts({ rows }: { rows: readonly VerdictRow[] }) {
  if (!rows.length) return null;
  const hasReasons = rows.some((row) => row.reason);
  return (
    <div class="mc-verdicts" tabIndex={0} role="region" aria-label="Verdicts">
      <table class="mc-table">
        <thead>
          <tr>
            <th scope="col">verdict</th>
            <th scope="col">type</th>
            <th scope="col" class="mc-number">artifacts</th>
            <th scope="col" class="mc-number">bytes</th>
            {hasReasons && <th scope="col">reason</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={at}>
              <td><State word={row.verdict} /></td>
              <td>{row.type}</td>
              <td class="mc-number">{formatCount(row.count)}</td>
              <td class="mc-number">{formatBytes(row.bytes)}</td>
              {hasReasons && <td><Inline text={row.reason} /></td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
