// Elements. All that comes from the API goes in as text, never as markup.

export const $ = (id) => document.getElementById(id);

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Writes only what changed: an untouched node keeps its selection, and a screen reader stays silent. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
  node.hidden = text === "";
}

/** Rebuilds `node` only when `data` is not what it was built from. */
export function rebuild(node, data, build) {
  const print = JSON.stringify(data);
  if (node.builtFrom === print) return;
  node.builtFrom = print;
  node.replaceChildren(...build());
}

export const cell = (text, kind = "") => element("td", { class: kind }, text);
export const rowHead = (text) => element("th", { scope: "row" }, text);
export const pairs = (list) => list.map(([term, ...texts]) =>
  element("div", {}, element("dt", {}, term), ...texts.filter(Boolean).map((text) => element("dd", {}, text))));
