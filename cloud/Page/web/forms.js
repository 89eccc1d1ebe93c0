// Builds forms of one line, and fills their fields.

import { Problem } from "./api.js";
import { element, say } from "./dom.js";

/** A form of one line: fields, a button, and the outcome of the last try. `act` gets the form's values and returns the text to show. */
export function form(label, fields, button, act) {
  const outcome = element("p", { class: "outcome", role: "status" });
  const submit = element("button", {}, button);
  const node = element("form", { class: "line", "aria-label": label }, ...fields, submit, outcome);
  outcome.hidden = true;
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    outcome.classList.remove("failed");
    try {
      say(outcome, (await act(Object.fromEntries(new FormData(node)))) ?? "");
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      outcome.classList.add("failed");
      say(outcome, error.message);
    } finally {
      submit.disabled = false;
    }
  });
  return node;
}

export const field = (label, name, attributes = {}) => element("label", {}, `${label} `, element("input", { name, autocomplete: "off", ...attributes }));

/** Sets the value of a field that nobody is editing. */
export function fill(form, name, value) {
  const input = form.elements[name];
  if (input.dataset.filled === value || (input === document.activeElement && input.dataset.filled !== undefined)) return;
  input.value = input.dataset.filled = value;
}
