// Signing in, and making the first admin with the link that the server has logged.

import { send } from "./api.js";
import { $, say } from "./dom.js";

const options = new URLSearchParams(location.hash.slice(1));
const code = options.get("setup");
// Only the part after # is taken over, so that no link can lead from here to another site.
const back = options.get("back")?.startsWith("#") ? options.get("back") : "";

if (code) {
  $("title").textContent = $("submit").textContent = "Make the first admin";
  say($("hint"), "Choose a name and a password of at least 12 characters: a few words that only you would put together.");
  $("again-label").hidden = false;
  $("again").required = true;
  $("password").autocomplete = "new-password";
}

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  say($("problem"), "");
  const name = $("name").value.trim(), password = $("password").value;
  if (code && password !== $("again").value) {
    say($("problem"), "The two passwords differ.");
    return;
  }
  $("submit").disabled = true;
  try {
    if (code) await send("POST", "v1/setup", { code, name, password });
    else await send("POST", "v1/session", { name, password });
    location.replace(`./${back}`);
  } catch (error) {
    say($("problem"), error.message);
    $("password").select();
  } finally {
    $("submit").disabled = false;
  }
});
$("name").focus();
window.addEventListener("hashchange", () => location.reload()); // A setup link may be opened while this page is shown.
