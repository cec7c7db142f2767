// The exact texts that this browser signs, and the fingerprint of its key. No state, no key.

const FINGERPRINT_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz";

/** Encode bytes as base64url without padding. */
export function base64url(bytes) {
  const binary = Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Return base64url(sha256(data)) of a string (as UTF-8) or of bytes. */
export async function digest(data) {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return base64url(await crypto.subtle.digest("SHA-256", bytes));
}

/** What a decision signs; ctx is the string that was shown, the hash is always taken here. */
export async function decisionMessage(session, device, decision, nonce, ctx, number) {
  return lines("decision.v1", session, device, decision, nonce, await digest(ctx), number);
}

/** What a signed request signs; target is path and query as sent, body a string. */
export async function requestMessage(device, method, target, timestamp, body) {
  return lines("request.v1", device, method, target, String(timestamp), await digest(body));
}

/** What proves at activation that the sender holds the key; point is the 65-byte public key. */
export async function activationMessage(code, point) {
  return lines("activate.v1", code, await digest(point));
}

/** Return four characters by which a person tells two keys apart. */
export async function fingerprint(point) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", point));
  return Array.from(bytes.slice(0, 4), (byte) => FINGERPRINT_ALPHABET[byte % FINGERPRINT_ALPHABET.length]).join("");
}

/** Lower-case an activation code and drop the blanks and hyphens that people type into it. */
export function normalCode(typed) {
  return typed.toLowerCase().replace(/[\s-]/gu, "");
}

function lines(...fields) {
  // A line feed inside a field would let one signed text be read as another.
  if (fields.some((field) => typeof field !== "string" || field.includes("\n"))) {
    throw new TypeError("a signed field is not a line of text");
  }
  return fields.join("\n");
}
