/** Page: the explorer in an exported file. */

import { h, render } from "preact";

import { App } from "./App";
import { PageHost } from "./page/pageHost";

const main = document.getElementById("megacache")!;
main.setAttribute("role", "main");
render(h(App, { host: new PageHost(document) }), main);
