/** Key difference: which part of a text differs from another, so that the eye need not look for it. */

/** A text in three: what is shared at the beginning, what differs, what is shared at the end. */
export type Cut = readonly [head: string, own: string, tail: string];

/** Cut two texts at the same places; what lies between differs. Words and numbers are never cut. */
export function cuts(now: string, then: string): readonly [now: Cut, then: Cut] {
  const shorter = Math.min(now.length, then.length);
  let head = 0;
  while (head < shorter && now[head] === then[head]) head += 1;
  while (head > 0 && (isInWord(now, head) || isInWord(then, head))) head -= 1;
  let tail = 0;
  while (tail < shorter - head && now[now.length - 1 - tail] === then[then.length - 1 - tail]) tail += 1;
  while (tail > 0 && (isInWord(now, now.length - tail) || isInWord(then, then.length - tail))) tail -= 1;
  return [cut(now, head, tail), cut(then, head, tail)];
}

/** Whether a place has a sign of a word on both sides. */
function isInWord(text: string, place: number): boolean {
  return /^\w\w$/.test(text.slice(place - 1, place + 1));
}

function cut(text: string, head: number, tail: number): Cut {
  const end = text.length - tail;
  return [text.slice(0, head), text.slice(head, end), text.slice(end)];
}
