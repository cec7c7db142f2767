// The screen that links this browser to a person by an activation code.

import { ask, OfflineError, RefusedError } from "./api.js";
import { visible } from "./context.js";
import { element, show } from "./dom.js";
import { loadDevice, newDevice, publicJwk, publicPoint, saveDevice, sign } from "./key.js";
import { activationMessage, base64url, fingerprint, normalCode } from "./messages.js";
import { say } from "./words.js";

const CODE = /^[2-9a-hjkmnp-tv-z]{10}$/;

class WrongKeyError extends Error {}

/** Show the form; linked() is called once the device is stored. code comes from the address, or is empty. */
export function enrolScreen(code, linked) {
  const why = element("p", {}, say("enrolWhyUnnamed"));
  const input = element("input", {
    id: "code", name: "code", required: true, maxlength: "40", autocomplete: "one-time-code", autocapitalize: "none",
    autocorrect: "off", spellcheck: "false", "aria-describedby": "code-help", value: code,
  });
  const label = element("input", { id: "label", name: "label", maxlength: "64", autocomplete: "off", value: defaultLabel() });
  const button = element("button", { class: "approve wide" }, say("enrolButton"));
  const message = element("p", { class: "message", role: "alert" });
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    message.textContent = say("enrolBusy");
    try {
      await enrol(normalCode(input.value), label.value.trim() || say("enrolLabelDefault"));
      linked();
    } catch (error) {
      message.textContent = explain(error);
      button.disabled = false;
      input.focus();
    }
  };
  show(element("h1", {}, say("enrolTitle")), why, element("form", { onsubmit: submit, novalidate: true },
    element("label", { for: "code" }, say("enrolCode")), input,
    element("p", { id: "code-help", class: "how" }, say("enrolCodeHelp")),
    element("label", { for: "label" }, say("enrolLabel")), label, button, message));
  (code ? button : input).focus();
  ask("GET", "/config").then(
    (config) => { if (typeof config.name === "string") why.textContent = say("enrolWhy", { name: visible(config.name) }); },
    () => {}, // only a name: linking itself will say what is wrong
  );
}

/** Make (or take up) the key, link it, store it. The key is stored first: a code must not be spent on a lost key. */
async function enrol(code, label) {
  if (!CODE.test(code)) throw new RangeError();
  const stored = await loadDevice();
  if (stored?.id) return; // another tab was faster
  const device = stored ?? await newDevice();
  await saveDevice(device);
  const point = await publicPoint(device);
  const sig = base64url(await sign(device, await activationMessage(code, point)));
  const answer = await ask("POST", "/activate", {
    code, jwk: await publicJwk(device), label, kind: "page", subscription: null, sig,
  });
  if (answer.fingerprint !== await fingerprint(point)) throw new WrongKeyError();
  await saveDevice({ ...device, id: answer.device_id, user: answer.user, domain: answer.domain });
}

function explain(error) {
  if (error instanceof RangeError) return say("enrolBadLength");
  if (error instanceof WrongKeyError) return say("enrolWrongKey");
  if (error instanceof OfflineError) return say("enrolOffline");
  if (!(error instanceof RefusedError)) return say("noStorage");
  if (error.status === 429) return say("enrolTooMany");
  if (error.body.errors?.[0]?.code === "api.error.toomanydevices") return say("enrolFull");
  if ([403, 404, 409, 410].includes(error.status)) return say("enrolRefused");
  return say("enrolFailed", { status: error.status });
}

function defaultLabel() {
  const platform = navigator.userAgentData?.platform;
  return platform ? say("enrolLabelOn", { platform }) : say("enrolLabelDefault");
}
