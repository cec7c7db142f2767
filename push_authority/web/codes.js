// One-time codes from an authenticator app: set them up, confirm them by a first code, remove them.

import { NotLinkedError, RefusedError } from "./api.js";
import { shown } from "./context.js";
import { element } from "./dom.js";
import { say } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const DRAWING = /^(?:M\d+ \d+h\d+v1h-\d+z)+$/;

/** The section of a linked browser. lost(error) is called when the authority does not know this browser any more. */
export class CodesPanel {
  constructor(authority, lost) {
    this.authority = authority;
    this.lost = lost;
    this.about = element("p", {});
    this.stage = element("div", {});
    this.message = element("p", { class: "message", role: "status" });
    this.node = element("section", { class: "codes" },
      element("h2", { tabindex: "-1" }, say("codes")), this.about, this.stage, this.message);
    this.node.hidden = true; // until it is known whether there are codes
    this.load();
  }

  load() {
    return this.attempt(async () => this.rest((await this.authority.codes()).active));
  }

  /** Nothing is being set up: say what there is, and offer what can be done. */
  rest(active) {
    this.active = active;
    this.node.hidden = false;
    this.about.textContent = say(active ? "codesActive" : "codesNone");
    this.stage.replaceChildren(button(say(active ? "codesAgain" : "codesBegin"), () => this.begin()),
      ...(active ? [button(say("codesRemove"), () => this.askRemoval())] : []));
  }

  begin() {
    return this.attempt(async () => {
      const seed = await this.authority.beginCodes();
      const input = element("input", {
        id: "first-code", inputmode: "numeric", autocomplete: "one-time-code", maxlength: "16", required: true,
        autocorrect: "off", spellcheck: "false",
      });
      const confirm = (event) => {
        event.preventDefault();
        this.confirm(input);
      };
      this.about.textContent = say("codesScan");
      this.stage.replaceChildren(...drawing(seed.qr),
        element("p", {}, `${say("codesSecret")} `, element("code", { id: "secret" }, grouped(shown(seed.secret)))),
        element("form", { onsubmit: confirm, novalidate: true },
          element("label", { for: "first-code" }, say("codesFirst")), input,
          element("button", { class: "approve wide" }, say("codesConfirm")),
          button(say("codesStop"), () => this.finish(this.active, ""))));
      this.focus();
    });
  }

  confirm(input) {
    return this.attempt(async () => {
      try {
        await this.authority.confirmCodes(input.value.slice(0, 64));
      } catch (error) {
        if (!(error instanceof RefusedError) || error.status === 401) throw error;
        this.message.textContent = say(error.status === 404 ? "codesTooLate" : "codesWrong");
        return void input.focus();
      }
      this.finish(true, say("codesDone"));
    });
  }

  askRemoval() {
    this.about.textContent = say("codesRemoveAsk");
    this.stage.replaceChildren(button(say("codesKeep"), () => this.finish(true, "")),
      button(say("codesRemoveYes"), () => this.attempt(async () => {
        await this.authority.removeCodes();
        this.finish(false, say("codesRemoved"));
      })));
    this.focus();
  }

  /** Leave a step; what it showed of the secret goes with it. */
  finish(active, message) {
    this.rest(active);
    this.message.textContent = message;
    this.focus();
  }

  async attempt(work) {
    this.message.textContent = "";
    try {
      await work();
    } catch (error) {
      if (error instanceof NotLinkedError) return this.lost(error);
      this.message.textContent = say("codesOffline");
      this.node.hidden = false;
      if (!this.stage.firstChild) this.stage.replaceChildren(button(say("tryAgain"), () => this.load()));
    }
  }

  focus() {
    this.node.querySelector("h2").focus();
  }
}

function button(text, onclick) {
  return element("button", { type: "button", class: "plain", onclick }, text);
}

function grouped(secret) {
  return secret.replace(/(.{4})(?=.)/gu, "$1 ");
}

/** Draw a QR code; black on white in every theme, or no camera reads it. No markup: the policy takes none. */
function drawing(qr) {
  if (!Number.isInteger(qr?.size) || !DRAWING.test(qr.path)) return [];
  const svg = document.createElementNS(SVG, "svg");
  const set = (node, values) => Object.entries(values).forEach(([key, value]) => node.setAttribute(key, value));
  set(svg, { viewBox: `0 0 ${qr.size} ${qr.size}`, class: "qr", role: "img", "aria-label": say("codesQr"),
    "shape-rendering": "crispEdges" });
  const back = document.createElementNS(SVG, "rect");
  set(back, { width: qr.size, height: qr.size, fill: "#fff" });
  const front = document.createElementNS(SVG, "path");
  set(front, { d: qr.path, fill: "#000" });
  svg.append(back, front);
  return [svg];
}
