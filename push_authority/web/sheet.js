// The approval sheet: shows everything in one session's ctx, and answers exactly that ctx.

import { attributes, readContext, shown } from "./context.js";
import { element } from "./dom.js";
import { needsNumber, NumberField } from "./number.js";
import { has, say } from "./words.js";

/** Milliseconds in which buttons that have just appeared do nothing: a thumb may be on its way to something else. */
const SETTLE = 700;
const SETTLE_CHANGED = 2_000;

const MAIN_ROWS = ["user", "account", "service", "host", "command", "tty"];
const FINE_PRINT = ["domain", "client", "expires", "number_required", "client_nonce", "v"];
const ELSEWHERE = ["authority", "ip", "origin_kind", "created", "attributes"];
const TIMES = ["created", "expires"];

const SYMBOLS = { approved: "✓", approvedElsewhere: "✓", denied: "✕", reported: "✕", deniedElsewhere: "✕",
  wrongNumber: "✕" };

/** One session on the screen. handlers: answer(sheet, session, decision, number), expired(sheet), done(sheet). */
export class Sheet {
  constructor(session, handlers) {
    this.handlers = handlers;
    this.state = "live"; // live, sending, final
    this.node = element("section", { class: "sheet", "aria-labelledby": "question" });
    this.render(session, SETTLE);
    this.ticking = setInterval(() => this.tick(), 250);
    // Another site's window over this one may vanish between the two clicks of a double click: the second one is ours.
    this.returned = () => { this.deafUntil = performance.now() + SETTLE; };
    this.deafUntil = 0;
    addEventListener("focus", this.returned);
  }

  /** Take the authority's newest word about this session. A new text is a new question: the buttons pause. */
  update(session) {
    if (this.state !== "live") return;
    if (session.ctx === this.session.ctx && session.nonce === this.session.nonce) {
      this.setDeadline(session);
      this.queue.textContent = queueText(session);
      return;
    }
    const hadFocus = this.node.contains(document.activeElement);
    this.render(session, SETTLE_CHANGED);
    this.tell(say("changed"));
    if (hadFocus) this.heading.focus();
  }

  /** Another login has come while this sheet shows its outcome. */
  offerNext() {
    const button = this.actions.querySelector(".done");
    if (button) button.textContent = say("next");
  }

  /** Say what else waits: sessions of the same service that come from other addresses and are answered by themselves. */
  warn(others) {
    if (this.state === "final" || this.context === null) return;
    const alike = others.filter((session) => safely(session.ctx)?.service === this.context.service).map(summary);
    const origins = [...new Set(alike.map(({ origin }) => origin))].join(", ");
    const text = alike.length ? say("elsewhere", { service: shown(this.context.service ?? ""), origins }) : "";
    if (this.elsewhere.textContent !== text) this.elsewhere.textContent = text;
  }

  /** Stop the clock. */
  dispose() {
    clearInterval(this.ticking);
    clearTimeout(this.settling);
    removeEventListener("focus", this.returned);
  }

  /** Show that an answer is on its way. */
  sending() {
    this.state = "sending";
    this.enable(false);
    this.tell(say("sending"));
  }

  /** The answer was not taken: show why, and let the person try again. */
  failed(text) {
    this.state = "live";
    this.enable(true);
    this.tell(text);
  }

  /** Show how it ended, in place of the buttons. */
  finish(outcome, more) {
    this.state = "final";
    this.finished = performance.now();
    this.dispose();
    this.timer.replaceChildren();
    const hadFocus = this.actions.contains(document.activeElement);
    const heading = element("p", { class: "outcome", tabindex: "-1" },
      element("span", { "aria-hidden": "true" }, `${SYMBOLS[outcome] ?? "○"} `), say(`outcome_${outcome}`));
    this.node.dataset.state = outcome;
    this.queue.textContent = this.elsewhere.textContent = "";
    this.tell("");
    this.actions.replaceChildren(heading, element("p", {}, say(`explain_${outcome}`)),
      element("button", { type: "button", class: "plain done", onclick: () => this.handlers.done(this) },
        say(more ? "next" : "done")));
    if (hadFocus) heading.focus();
  }

  /** Draw the sheet for a session; from here on the buttons answer this session and no other. */
  render(session, settle) {
    this.session = session;
    this.context = safely(session.ctx);
    this.number = null;
    clearTimeout(this.settling);
    this.node.dataset.session = session.id;
    this.node.dataset.state = "live";
    this.timer = element("p", { class: "timer", role: "timer", "aria-live": "off" });
    this.message = element("p", { class: "message", role: "status" });
    this.queue = element("p", { class: "queue" }, queueText(session));
    this.elsewhere = element("p", { class: "queue elsewhere", role: "status" });
    this.heading = element("h2", { id: "question", tabindex: "-1" }, say("ask"));
    this.setDeadline(session);
    if (this.context === null) {
      this.actions = element("div", { class: "actions" });
      this.node.replaceChildren(this.timer, this.heading, element("p", { class: "notice" }, say("unsafe")), this.actions);
      return;
    }
    this.actions = this.buttons(session);
    this.node.replaceChildren(
      element("header", {}, value("authority", this.context.authority, "p", "organization"), this.timer),
      this.heading, ...facts(this.context), this.actions, this.message, this.elsewhere, this.queue, ...finePrint(this.context),
    );
    // Message and queue stand below the buttons: whatever appears later must not push a button under the thumb.
    this.enable(false);
    this.settling = setTimeout(() => this.enable(this.state === "live"), settle);
  }

  buttons(session) {
    // session is bound here, beside the text drawn from it: a later session cannot slip under an earlier text.
    const button = (name, decision) => element("button", {
      type: "button", class: name, onclick: () => this.press(session, decision),
    }, say(name));
    this.number = needsNumber(session, this.context) ? new NumberField(() => this.enable(this.enabled)) : null;
    return element("div", { class: "actions" }, ...(this.number ? [this.number.node] : []),
      element("div", { class: "pair" }, button("deny", "denied"), button("approve", "approved")),
      button("report", "denied.unknown_trigger"));
  }

  press(session, decision) {
    if (performance.now() < this.deafUntil) return this.tell(say("tooSoon"));
    this.handlers.answer(this, session, decision, decision === "approved" ? this.number?.value ?? "" : "");
  }

  enable(on) {
    this.enabled = on;
    for (const button of this.actions.querySelectorAll("button")) button.disabled = !on;
    if (!this.number) return;
    this.number.input.readOnly = this.state !== "live";
    if (!this.number.value) this.actions.querySelector(".approve").disabled = true;
  }

  tell(text) {
    this.message.textContent = text;
  }

  setDeadline(session) {
    this.deadline = performance.now() + session.expires_in * 1000;
    this.drawTime();
  }

  tick() {
    if (this.drawTime() === 0 && this.state === "live") this.handlers.expired(this);
  }

  drawTime() {
    const left = Math.max(0, Math.ceil((this.deadline - performance.now()) / 1000));
    const text = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} ${say("left")}`;
    if (this.timer.textContent !== text) this.timer.textContent = text;
    return left;
  }
}

/** Return service, host and origin of a session as short texts for a list, or null if it is not safe to show. */
export function summary(session) {
  const context = safely(session.ctx);
  if (context === null) return null;
  return {
    service: shown(context.service ?? ""),
    host: shown(context.host ?? ""),
    origin: context.ip ? shown(context.ip) : say("addressUnknown"),
  };
}

function safely(ctx) {
  try {
    return readContext(ctx);
  } catch {
    return null;
  }
}

/** Return the rows above the buttons: who, where, from where, when, every attribute, and whatever we do not know. */
function facts(context) {
  const known = MAIN_ROWS.filter((key) => !empty(context[key])).map((key) => row(key, say(key), context));
  const main = element("dl", {}, ...known, origin(context), row("created", say("created"), context));
  const parts = [main];
  const pairs = attributes(context);
  if (pairs.length) {
    parts.push(element("h3", {}, say("attributes")), element("dl", { class: "attributes" }, ...pairs.map(([key, text]) =>
      element("div", { "data-attribute": true }, element("dt", {}, key), element("dd", {}, text)))));
  }
  const rest = Object.keys(context).filter((key) => ![...MAIN_ROWS, ...FINE_PRINT, ...ELSEWHERE].includes(key));
  if (rest.length) {
    parts.push(element("h3", {}, say("more")), element("dl", { class: "attributes" }, ...rest.map((key) =>
      element("div", {}, element("dt", {}, shown(key)), value(key, context[key])))));
  }
  return parts;
}

function finePrint(context) {
  const keys = FINE_PRINT.filter((key) => !empty(context[key]));
  return [element("h3", {}, say("finePrint")),
    element("dl", { class: "fine" }, ...keys.map((key) => row(key, say(key), context)))];
}

function row(key, label, context) {
  const cell = value(key, context[key]);
  if (key !== "account") return element("div", {}, element("dt", {}, label), cell);
  // Who becomes whom, in one line: "john → root".
  return element("div", {}, element("dt", {}, label),
    element("dd", {}, say("becomes", { user: shown(context.user ?? "") }), value(key, context[key], "span")));
}

function origin(context) {
  const kind = context.origin_kind ?? "";
  const address = empty(context.ip) ? element("span", {}, say("addressUnknown")) : value("ip", context.ip, "span");
  const how = has(`origin_${kind}`) ? say(`origin_${kind}`) : say("originOther") + shown(kind);
  return element("div", {}, element("dt", {}, say("from")),
    element("dd", {}, address, empty(kind) ? "" : element("span", { class: "how", "data-origin": shown(kind) }, ` (${how})`)));
}

/** Make the element that shows one value; data-key names it. */
function value(key, content, tag = "dd", className = null) {
  const text = empty(content) ? "" : shown(content);
  const node = element(tag, { "data-key": shown(key), class: className });
  if (TIMES.includes(key) && Number.isInteger(content) && content >= 0 && content < 2 ** 32) {
    const date = new Date(content * 1000);
    const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
    node.append(element("time", { datetime: date.toISOString() }, format.format(date)));
  } else {
    node.append(text);
  }
  return node;
}

function empty(content) {
  return content === "" || content === null || content === undefined;
}

function queueText(session) {
  const count = session.waiting?.count ?? 0;
  if (!count) return "";
  const origins = [].concat(session.waiting.from ?? []).map((from) => (from ? shown(from) : say("addressUnknown")));
  return say("queued", { count, origins: origins.join(", ") || say("addressUnknown") });
}
