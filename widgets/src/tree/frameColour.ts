/** Frame colour: one colour for a frame of a call stack wherever it stands, so that the eye finds it again. */

/** A hue in degrees of `oklch`, and which of its two tones; the style sheet makes a colour of them. */
export interface FrameColour {
  readonly hue: number;
  readonly isDeep: boolean;
}

/** Brown, teal, cyan, violet, orchid, pink: none near the red, ochre and green of states or the blue of what is selected. */
const HUES = [55, 200, 226, 295, 322, 350] as const;

/**
 * Return the colour of a frame; null where its place is not known.
 *
 * @param name The function.
 * @param detail Its place, and behind a dot what was folded: `train.py:62 · through main`, or `cell 4f1c2a, line 12`.
 */
export function frameColour(name: string, detail: string): FrameColour | null {
  // Without the line: a function that calls from two of its lines is one frame to the reader.
  const file = /^(.+?)(?::|, line )\d+(?: · |$)/.exec(detail)?.[1];
  if (file === undefined) return null;
  const slot = hash(`${file}\n${name}`) % (2 * HUES.length);
  return { hue: HUES[slot >> 1]!, isDeep: slot % 2 === 0 };
}

/** FNV-1a; its low bits alone follow the last letter too closely, so that they are mixed with the high ones. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  return (state ^ (state >>> 13)) >>> 0;
}
