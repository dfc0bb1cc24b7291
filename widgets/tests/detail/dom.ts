/** Dom: an element with something rendered in it, for tests. */

import { type ComponentChild, render } from "preact";
import { act } from "preact/test-utils";

/** What is rendered, and what may be done with it; each step ends when nothing more happens. */
export class Rendered {
  readonly element = document.body.appendChild(document.createElement("div"));

  async show(what: ComponentChild): Promise<void> {
    await act(async () => render(what, this.element));
  }

  /** Let pending answers come. */
  async settle(): Promise<void> {
    await act(async () => new Promise((resolve) => setTimeout(resolve)));
  }

  async click(element: HTMLElement): Promise<void> {
    await act(async () => element.click());
    await this.settle();
  }

  async press(element: HTMLElement, key: string): Promise<void> {
    await act(async () => void element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })));
    await this.settle();
  }

  async type(element: HTMLInputElement, text: string): Promise<void> {
    await act(async () => {
      element.value = text;
      element.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }

  /** Return the first element of a selector; a test that looks for what is not there fails here. */
  one<T extends HTMLElement = HTMLElement>(selector: string): T {
    const found = this.element.querySelector<T>(selector);
    if (!found) throw new Error(`Nothing matches ${selector} in ${this.element.innerHTML}`);
    return found;
  }

  all(selector: string): HTMLElement[] {
    return [...this.element.querySelectorAll<HTMLElement>(selector)];
  }

  get text(): string {
    return this.element.textContent ?? "";
  }
}
