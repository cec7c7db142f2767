// The screen of a linked browser: one approval sheet at a time, what else waits, and how the last ones ended.

import { Authority, NotLinkedError, RefusedError } from "./api.js";
import { CodesPanel } from "./codes.js";
import { visible } from "./context.js";
import { announce, element, show } from "./dom.js";
import { follow } from "./events.js";
import { forgetDevice } from "./key.js";
import { Sheet, summary } from "./sheet.js";
import { say } from "./words.js";

const RETRY = 2_000;
const LINGER = 4_000; // how long an outcome is shown before the next login takes its place
const RECENT = 10;

/** What a decision of ours leads to. */
const OUTCOMES = { approved: "approved", denied: "denied", "denied.unknown_trigger": "reported" };

/** What the state of a session means that somebody else ended. */
const ENDED = { approved: "approvedElsewhere", denied: "deniedElsewhere", expired: "expired", cancelled: "cancelled" };

/** Live screen; unlinked() is called when this browser has no device any more. */
export class PendingScreen {
  constructor(device, fingerprint, notice, unlinked) {
    this.authority = new Authority(device);
    this.unlinked = unlinked;
    this.sessions = new Map(); // pending at the authority, by id, oldest first
    this.sheet = null;
    this.ended = new AbortController();
    this.banner = element("p", { class: "banner", role: "status" });
    this.stage = element("div", {});
    this.others = element("section", { class: "others", hidden: true });
    this.list = element("ul", { class: "recent" });
    this.recent = element("section", { hidden: true }, element("h2", {}, say("recent")), this.list);
    this.handlers = {
      answer: (sheet, session, decision, number) => this.answer(sheet, session, decision, number),
      expired: (sheet) => this.end(sheet, "expired"),
      done: () => this.open(true),
    };
    show(element("h1", {}, say("pendingTitle")), this.banner,
      ...(notice ? [element("p", { class: "notice welcome", role: "status" }, notice)] : []),
      this.stage, this.others, this.recent, new CodesPanel(this.authority, (error) => this.lost(error)).node,
      this.footer(device, fingerprint));
    this.open(false);
    follow(this.authority, () => this.refresh(), (error) => this.lost(error), this.ended.signal);
  }

  /** Stop everything; the next screen takes over. */
  dispose() {
    this.ended.abort();
    this.sheet?.dispose();
  }

  /** Ask the authority what is pending; calls that come meanwhile lead to one more question. */
  async refresh() {
    this.stale = true;
    if (this.refreshing) return;
    this.refreshing = true;
    try {
      while (this.stale && !this.ended.signal.aborted) {
        this.stale = false;
        await this.take(await this.authority.sessions());
      }
      this.connected(true);
    } catch (error) {
      this.lost(error);
      setTimeout(() => this.ended.signal.aborted || this.refresh(), RETRY);
    } finally {
      this.refreshing = false;
    }
  }

  async take(sessions) {
    const before = this.sessions;
    this.sessions = new Map(sessions.map((session) => [session.id, session]));
    for (const session of before.values()) {
      if (!this.sessions.has(session.id)) await this.gone(session);
    }
    const current = this.sheet && this.sessions.get(this.sheet.session.id);
    if (current) this.sheet.update(current);
    this.makeRoom();
    this.listOthers();
  }

  /** A sheet with live buttons is never replaced; one that shows its outcome makes room after a while. */
  makeRoom() {
    if (!this.next()) return;
    const focused = this.stage.contains(document.activeElement);
    if (!this.sheet) this.open(focused);
    else if (this.sheet.state !== "final") return;
    else if (performance.now() - this.sheet.finished >= LINGER) this.open(focused);
    else this.sheet.offerNext();
  }

  /** A session is no longer pending: find out why. */
  async gone(session) {
    const isCurrent = this.sheet?.session.id === session.id;
    if (isCurrent && this.sheet.state !== "live") return; // our own answer, or its end is shown already
    let outcome = "gone";
    try {
      outcome = ENDED[(await this.authority.session(session.id)).state] ?? "gone";
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
    }
    if (!isCurrent) this.remember(session, outcome);
    else if (this.sheet.state === "live") this.end(this.sheet, outcome);
  }

  async answer(sheet, session, decision, number) {
    if (sheet.state !== "live") return;
    sheet.sending();
    try {
      const { reason } = await this.authority.decide(session, decision, number);
      this.end(sheet, reason === "wrong_number" ? "wrongNumber" : OUTCOMES[decision]);
    } catch (error) {
      const state = error.body?.state;
      if (!(error instanceof RefusedError)) sheet.failed(say("notSent"));
      else if (error.status === 410) this.end(sheet, "expired");
      else if (error.status === 409 && ENDED[state]) this.end(sheet, sameAnswer(state, decision) ?? ENDED[state]);
      else if (error.status === 409) sheet.failed(say("notNow"));
      else if (error.status === 403) sheet.failed(say("refused"));
      else if (error.status === 404) this.end(sheet, "gone");
      else sheet.failed(say("refusedOther", { status: error.status }));
    }
    this.refresh();
  }

  end(sheet, outcome) {
    this.sessions.delete(sheet.session.id);
    sheet.finish(outcome, this.next() !== undefined);
    this.remember(sheet.session, outcome);
    setTimeout(() => this.ended.signal.aborted || this.makeRoom(), LINGER + 100);
    announce(`${say(`outcome_${outcome}`)}. ${say(`explain_${outcome}`)}`);
  }

  next() {
    return [...this.sessions.values()].find((session) => session.id !== this.sheet?.session.id);
  }

  /** Open a session, or the oldest that waits, or the empty screen. */
  open(focus, session = this.next()) {
    this.sheet?.dispose();
    this.sheet = session ? new Sheet(session, this.handlers) : null;
    if (this.sheet) {
      this.stage.replaceChildren(this.sheet.node);
      const about = summary(session);
      announce(about ? say("announceNew", about) : say("unsafe"));
    } else {
      this.stage.replaceChildren(element("div", { class: "empty" },
        element("p", { tabindex: "-1" }, say("nothing")), element("p", { class: "how" }, say("nothingHelp"))));
    }
    if (focus) this.stage.querySelector("[tabindex]").focus();
    this.listOthers();
  }

  listOthers() {
    const others = [...this.sessions.values()].filter((session) => session.id !== this.sheet?.session.id);
    this.sheet?.warn(others);
    this.others.hidden = others.length === 0;
    // Drawn again only when it differs: a button must not vanish under the pointer or lose the focus.
    const drawn = others.map((session) => session.id + session.ctx).join();
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.others.replaceChildren(element("h2", {}, say("others")), element("ul", {}, ...others.map((session) => {
      const about = summary(session);
      return element("li", {}, element("button", { type: "button", class: "plain", onclick: () => this.open(true, session) },
        about ? say("otherShow", about) : say("unsafe")));
    })));
  }

  remember(session, outcome) {
    const about = summary(session) ?? { service: "?", host: "?" };
    const time = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" }).format(new Date());
    const line = say("recentLine", { ...about, time, outcome: say(`outcome_${outcome}`) });
    this.list.prepend(element("li", { "data-session": session.id, "data-outcome": outcome }, line));
    while (this.list.children.length > RECENT) this.list.lastChild.remove();
    this.recent.hidden = false;
  }

  lost(error) {
    if (this.ended.signal.aborted) return;
    if (error instanceof NotLinkedError) return this.notLinked();
    this.connected(false);
  }

  connected(yes) {
    const text = say(yes ? "online" : "offline");
    if (this.banner.textContent !== text) this.banner.textContent = text;
    this.banner.classList.toggle("off", !yes);
  }

  notLinked() {
    this.dispose();
    // The key stays until the person says so: an authority in trouble must not be able to unlink everybody.
    show(element("h1", {}, say("pendingTitle")), element("p", { class: "notice", role: "alert" }, say("gone")),
      element("button", { type: "button", class: "plain", onclick: () => this.forget() }, say("linkAgain")));
  }

  footer(device, fingerprint) {
    const question = element("div", { class: "unlink", hidden: true });
    const open = element("button", { type: "button", class: "link", onclick: () => ask(true) }, say("unlink"));
    const ask = (on) => {
      question.hidden = !on;
      open.hidden = on;
      (on ? question.querySelector("button") : open).focus();
    };
    const message = element("p", { role: "status" });
    question.append(element("p", {}, say("unlinkAsk")),
      element("button", { type: "button", class: "plain", onclick: () => ask(false) }, say("unlinkNo")),
      element("button", { type: "button", class: "plain yes", onclick: () => this.unlink(message) }, say("unlinkYes")), message);
    return element("footer", {},
      element("p", {}, say("linkedAs", { user: visible(device.user), domain: visible(device.domain) })),
      element("p", {}, `${say("fingerprint")} `, element("code", { id: "fingerprint" }, fingerprint)), open, question);
  }

  async unlink(message) {
    try {
      await this.authority.unlink();
    } catch (error) {
      if (!(error instanceof NotLinkedError)) return void (message.textContent = say("unlinkOffline"));
    }
    await this.forget();
  }

  async forget() {
    this.dispose();
    await forgetDevice();
    this.unlinked();
  }
}

/** An answer that was sent twice because its first reply was lost finds its own decision. */
function sameAnswer(state, decision) {
  return state === decision.split(".")[0] ? OUTCOMES[decision] : undefined;
}
