// The audit log, for admins: who has changed what, from where, and why.

import { get, signInAgain } from "./api.js";
import { $, cell, element, rowHead, say } from "./dom.js";
import { dated, instant } from "./words.js";

let next = null; // the cursor of the following page
let latest = 0; // the number of the last question: older answers come too late
let timer;

async function show(isFirst) {
  const number = ++latest;
  say($("problem"), "");
  const query = new URLSearchParams({ limit: 100, text: $("filter-text").value.trim(), ...(!isFirst && next && { after: next }) });
  try {
    const answer = await get(`v1/audit?${query}`);
    if (number !== latest) return;
    const rows = answer.entries.map(({ at, author, action, subject, detail, reason, origin }) => element("tr", {}, rowHead(dated(instant(at))),
      cell(author), cell(action), cell(subject), cell(detail, "wide"), cell(reason, "wide"), cell(origin, "wide")));
    const body = $("entries").tBodies[0];
    if (isFirst) body.replaceChildren(...rows);
    else body.append(...rows);
    next = answer.next;
    $("more").hidden = !next;
    $("empty").hidden = body.rows.length > 0;
  } catch (error) {
    if (!signInAgain(error)) say($("problem"), error.message);
  }
}

$("filter-text").addEventListener("input", () => {
  clearTimeout(timer);
  latest += 1;
  $("more").hidden = true;
  timer = setTimeout(() => show(true), 300);
});
$("filter").addEventListener("submit", (event) => event.preventDefault());
$("more").addEventListener("click", () => show(false));
show(true);
