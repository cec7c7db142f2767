// A login as the authority describes it, read strictly: what is signed must be what was shown.

const LONGEST = 64 * 1024;

/** Characters that hide or re-order text: control, format (bidi, zero width), unassigned, separators. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

/** The ctx of a session cannot be shown safely, so it must not be signed. */
export class UnsafeError extends Error {}

/** Parse ctx; throw UnsafeError for anything but one object of version 1 in which no key stands twice. */
export function readContext(ctx) {
  let context;
  try {
    if (typeof ctx !== "string" || ctx.length > LONGEST || !ctx.isWellFormed()) throw new UnsafeError();
    context = JSON.parse(ctx);
  } catch {
    throw new UnsafeError("not JSON");
  }
  if (typeof context !== "object" || context === null || Array.isArray(context) || context.v !== 1) {
    throw new UnsafeError("unknown version");
  }
  if (repeatsKey(ctx)) throw new UnsafeError("a key stands there twice");
  return context;
}

/** Make hidden characters visible: \x1b, \u202e. */
export function visible(text) {
  return text.replace(HIDDEN, (character) => {
    const point = character.codePointAt(0);
    if (point < 0x100) return `\\x${point.toString(16).padStart(2, "0")}`;
    return point < 0x10000 ? `\\u${point.toString(16).padStart(4, "0")}` : `\\U${point.toString(16).padStart(8, "0")}`;
  });
}

/** Return any JSON value as text for a person. */
export function shown(value) {
  return visible(typeof value === "string" ? value : JSON.stringify(value));
}

/** Return the attributes as [[key, value], …]; one that is not a pair of texts is shown as JSON. */
export function attributes(context) {
  const list = context.attributes ?? [];
  if (!Array.isArray(list)) return [["attributes", shown(list)]];
  return list.map((item) => (isAttribute(item) ? [shown(item.key), shown(item.value)] : ["attribute", shown(item)]));
}

function isAttribute(item) {
  return typeof item?.key === "string" && typeof item.value === "string" && Object.keys(item).length === 2;
}

/** JSON.parse keeps the last of two equal keys, other readers the first: a signed text must not mean two things. */
function repeatsKey(json) {
  const open = [];
  let text = null;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/gu)) {
    if (token === "{" || token === "[") open.push(new Set());
    else if (token === "}" || token === "]") open.pop();
    else if (token !== ":") text = JSON.parse(token);
    else if (open.at(-1).has(text)) return true;
    else open.at(-1).add(text);
  }
  return false;
}
