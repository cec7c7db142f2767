// Where the page starts: a browser that is linked shows its logins, any other one the form that links it.

import { element, show } from "./dom.js";
import { enrolScreen } from "./enrol.js";
import { loadDevice, publicPoint } from "./key.js";
import { fingerprint, normalCode } from "./messages.js";
import { PendingScreen } from "./pending.js";
import { say } from "./words.js";

/** Tabs of one browser share the key: when one links or unlinks it, the others follow. */
const tabs = new BroadcastChannel("pushgate");

let screen = null;

async function start(code, justLinked) {
  screen?.dispose();
  screen = null;
  let device;
  try {
    device = await loadDevice();
  } catch {
    return fault(say("noStorage"));
  }
  if (!device?.id) return enrolScreen(code, () => changed(true));
  // Without this a browser may drop the key when space is short; it decides by itself, so the answer changes nothing.
  navigator.storage?.persist?.();
  const mark = await fingerprint(await publicPoint(device));
  const notice = justLinked ? say("enrolled", { fingerprint: mark }) : code && say("enrolAlready");
  screen = new PendingScreen(device, mark, notice, () => changed(false));
}

function changed(justLinked) {
  tabs.postMessage("changed");
  start("", justLinked);
}

function fault(text) {
  show(element("h1", {}, say("title")), element("p", { class: "notice", role: "alert" }, text),
    element("button", { type: "button", class: "plain", onclick: () => start("", false) }, say("tryAgain")));
}

/** Take the code out of the address, so that neither the history nor a screenshot keeps it. */
function codeFromAddress() {
  const code = location.pathname === "/e" ? normalCode(location.hash.slice(1)).slice(0, 40) : "";
  if (location.hash) history.replaceState(null, "", "/");
  return code;
}

tabs.addEventListener("message", () => start("", false));
// A link with a code that is opened while the page is already there changes only the part behind "#".
addEventListener("hashchange", () => start(codeFromAddress(), false));

if (isSecureContext && crypto.subtle) start(codeFromAddress(), false);
else show(element("h1", {}, say("title")), element("p", { class: "notice", role: "alert" }, say("insecure")));
