// Requests to the authority, signed by this browser's key.

import { base64url, decisionMessage, requestMessage } from "./messages.js";
import { sign } from "./key.js";

const BASE = "/device/v1";
const TIMEOUT = 15_000;

/** The authority answered, and the answer is not 200. body is its JSON object, or {}. */
export class RefusedError extends Error {
  constructor(status, body) {
    super(`answered ${status}`);
    this.status = status;
    this.body = body;
  }
}

/** There was no answer, or one of the 5xx kind. */
export class OfflineError extends Error {}

/** The authority does not know this browser's key (any more). */
export class NotLinkedError extends Error {}

/** Send a request that anybody may send. */
export function ask(method, path, content) {
  return exchange(method, BASE + path, content === undefined ? "" : JSON.stringify(content), {});
}

/** One linked device's view of the authority. */
export class Authority {
  constructor(device) {
    this.device = device;
    this.offset = 0; // seconds that the authority's clock is ahead of ours
  }

  /** Return the sessions that can be answered now, oldest first. */
  async sessions() {
    return (await this.signed("GET", "/sessions")).sessions;
  }

  /** Return one session in any state. */
  session(id) {
    return this.signed("GET", `/sessions/${id}`);
  }

  /** Sign and send an answer to exactly what session.ctx says; return the new {state, reason}. */
  async decide(session, decision, number) {
    const message = await decisionMessage(session.id, this.device.id, decision, session.nonce, session.ctx, number);
    const sig = base64url(await sign(this.device, message));
    const answer = { device_id: this.device.id, decision, number, sig, via: "page" };
    return ask("POST", `/sessions/${session.id}/decision`, answer);
  }

  /** Return whether the person has one-time codes: {active}. */
  codes() {
    return this.signed("GET", "/totp");
  }

  /** Make a seed that waits for its first code: {secret, uri, qr}, shown only now. */
  beginCodes() {
    return this.signed("POST", "/totp", {});
  }

  /** Take the first code of the seed that waits. */
  confirmCodes(code) {
    return this.signed("POST", "/totp/confirm", { code });
  }

  /** Forget the seed. */
  removeCodes() {
    return this.signed("DELETE", "/totp");
  }

  /** Unlink this device at the authority. */
  unlink() {
    return this.signed("DELETE", "/self");
  }

  /** Open the stream of events; the caller reads and ends it. */
  async events(signal) {
    const open = () => this.withSignature("GET", `${BASE}/events`, (headers) =>
      send("GET", `${BASE}/events`, "", { ...headers, Accept: "text/event-stream" }, signal));
    return (await open()).body;
  }

  signed(method, path, content) {
    const body = content === undefined ? "" : JSON.stringify(content);
    return this.withSignature(method, BASE + path, (headers) => exchange(method, BASE + path, body, headers), body);
  }

  async withSignature(method, target, request, body = "") {
    try {
      return await request(await this.authorization(method, target, body));
    } catch (error) {
      if (!(error instanceof RefusedError) || error.status !== 401) throw error;
      if (!Number.isFinite(error.body.now)) throw new NotLinkedError();
      this.offset = error.body.now - Date.now() / 1000;
    }
    try {
      return await request(await this.authorization(method, target, body));
    } catch (error) {
      // With the right time it is not the clock: the key is not known.
      if (error instanceof RefusedError && error.status === 401) throw new NotLinkedError();
      throw error;
    }
  }

  async authorization(method, target, body) {
    const ts = Math.floor(Date.now() / 1000 + this.offset);
    const sig = base64url(await sign(this.device, await requestMessage(this.device.id, method, target, ts, body)));
    return { Authorization: `Pushgate-Device id="${this.device.id}", ts="${ts}", sig="${sig}"` };
  }
}

async function exchange(method, target, body, headers) {
  const response = await send(method, target, body, headers, AbortSignal.timeout(TIMEOUT));
  try {
    return await response.json();
  } catch {
    throw new OfflineError("the answer was cut off");
  }
}

async function send(method, target, body, headers, signal) {
  const options = { method, headers, signal, cache: "no-store", credentials: "omit", redirect: "error" };
  if (body) {
    options.body = body;
    options.headers = { ...headers, "Content-Type": "application/json" };
  }
  let response;
  try {
    response = await fetch(target, options);
  } catch (error) {
    throw new OfflineError(error.message);
  }
  if (response.status >= 500) throw new OfflineError(`answered ${response.status}`);
  if (response.status !== 200) throw new RefusedError(response.status, await response.json().catch(() => ({})));
  return response;
}
