/** Format: bytes, durations and counts as people read them, as `megacache/views/units.py` writes them. */

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

const COUNTS = new Intl.NumberFormat("en");

/** Write a size in decimal units, `412 kB` or `1.2 MB`; nothing where nobody knows. */
export function formatBytes(bytes: number | null): string {
  if (bytes === null || Number.isNaN(bytes)) return "";
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${rounded(value, value < (unit === 1 ? 9.95 : 99.95) ? 1 : 0)} ${BYTE_UNITS[unit]}`;
}

/** Write a duration, `0.4 ms`, `41.2 s` or `2 min 5 s`; nothing where nobody knows. */
export function formatDuration(us: number | null): string {
  if (us === null || Number.isNaN(us)) return "";
  if (us === 0) return "0 ms";
  const milliseconds = us / 1000;
  if (milliseconds < 9.95) return `${rounded(milliseconds, 1)} ms`;
  if (milliseconds < 999.5) return `${rounded(milliseconds, 0)} ms`;
  if (milliseconds < 99_950) return `${rounded(milliseconds / 1000, 1)} s`;
  const seconds = Number(rounded(milliseconds / 1000, 0));
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Number(rounded(seconds / 60, 0));
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Write a whole number: `10,000`. */
export function formatCount(number: number): string {
  return COUNTS.format(number);
}

/** Write a number with its noun: `1 graph`, `2 graphs`. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${formatCount(number)} ${number === 1 ? noun : plural}`;
}

/** Write a part of a whole as a percentage; it is 100 only when all is done. */
export function formatPercent(done: number, total: number): string {
  return `${total > 0 ? Math.floor((100 * done) / total) : 0} %`;
}

/** Python rounds a tie to the even digit and `toFixed` up; a tie ends in .25, .5 or .75, for which floats are exact. */
function rounded(value: number, digits: 0 | 1): string {
  const scaled = value * 10 ** digits;
  const isTieToBelow = Number.isInteger(value * 4) && scaled % 2 === 0.5;
  return (isTieToBelow ? Math.floor(scaled) / 10 ** digits : value).toFixed(digits);
}
