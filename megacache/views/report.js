// Search and fold the tree; the page reads the same without it.
const tree = document.querySelector(".tree");
const bar = document.querySelector(".bar");
const search = bar.querySelector("input");
const found = bar.querySelector("output");
const nodes = [...tree.querySelectorAll("details, .leaf")];
const texts = nodes.map((node) => node.textContent.toLowerCase());
const opened = nodes.map((node) => node.open);

function fold(isOpen) {
  for (const node of nodes) if (node.tagName === "DETAILS") node.open = isOpen;
}

search.addEventListener("input", () => {
  const wanted = search.value.trim().toLowerCase();
  let count = 0;
  nodes.forEach((node, at) => {
    const isMatch = texts[at].includes(wanted);
    node.hidden = !isMatch;
    if (node.tagName === "DETAILS") node.open = wanted ? isMatch : opened[at];
    if (isMatch) count += 1;
  });
  found.textContent = wanted ? `${count} of ${nodes.length} lines` : "";
});
bar.querySelector("[data-fold=open]").addEventListener("click", () => fold(true));
bar.querySelector("[data-fold=closed]").addEventListener("click", () => fold(false));
bar.hidden = false;
