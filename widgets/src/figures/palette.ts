/** Palette: the colours of the style sheet, for canvases; read anew when the theme is another. */

import { useLayoutEffect, useState } from "preact/hooks";

/** Return the colour of a custom property by its name without `--mc-`; `fallback` is another such name. */
export type Palette = (name: string, fallback?: string) => string;

/** Read colours as they are within an element; each is asked for once. */
export function paletteOf(element: HTMLElement): Palette {
  const known = new Map<string, string>();
  const probe = document.createElement("i");
  probe.style.forcedColorAdjust = "none";
  const read = (name: string, fallback?: string): string => {
    // A custom property alone may still hold `light-dark(...)`; as the colour of something it is resolved.
    probe.style.color = fallback ? `var(--mc-${name}, var(--mc-${fallback}))` : `var(--mc-${name})`;
    element.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
  return (name, fallback) => {
    let colour = known.get(name);
    if (colour === undefined) known.set(name, (colour = read(name, fallback)));
    return colour;
  };
}

/** JupyterLab puts one style sheet in place of another, which cuts the transition short. */
const ENDINGS = ["transitionend", "transitioncancel"] as const;

/**
 * Return a number that grows when the theme of an element changes, whoever changed it.
 *
 * The style sheet lets the colour of such an element take a millisecond to change, and the browser says when that is over.
 */
export function useTheme(element: { readonly current: HTMLElement | null }): number {
  const [theme, setTheme] = useState(0);
  useLayoutEffect(() => {
    const themed = element.current!;
    const onChange = (event: TransitionEvent) => event.target === themed && setTheme((before) => before + 1);
    for (const ending of ENDINGS) themed.addEventListener(ending, onChange);
    return () => {
      for (const ending of ENDINGS) themed.removeEventListener(ending, onChange);
    };
  }, []);
  return theme;
}

/** Return black or white, whichever is read better on a colour. */
export function inkOn(colour: string): string {
  const [red = 0, green = 0, blue = 0] = (colour.match(/[\d.]+/g) ?? []).map((part) => linear(Number(part) / 255));
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  // Contrast with white is 1.05 / (l + 0.05), with black (l + 0.05) / 0.05: they are equal at 0.179.
  return luminance > 0.179 ? "#10151c" : "#ffffff";
}

function linear(part: number): number {
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}
