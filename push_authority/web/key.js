// This browser's key: P-256, made here, never extractable, kept in IndexedDB together with whom it answers for.

const ES256 = { name: "ECDSA", hash: "SHA-256" };

/** Return the stored device {keys, id, user, domain}, or undefined. id is null until it is linked. */
export function loadDevice() {
  return transaction("readonly", (store) => store.get("device"));
}

/** Store the device. */
export function saveDevice(device) {
  return transaction("readwrite", (store) => store.put(device, "device"));
}

/** Delete the device and with it the key, for good. */
export function forgetDevice() {
  return transaction("readwrite", (store) => store.delete("device"));
}

/** Make a device that is not linked yet. */
export async function newDevice() {
  // false: no script, not even this one, can ever read the private half.
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
  return { keys, id: null, user: "", domain: "" };
}

/** Return the public key as 65 bytes (uncompressed point). */
export async function publicPoint(device) {
  return new Uint8Array(await crypto.subtle.exportKey("raw", device.keys.publicKey));
}

/** Return the public key as the four members of a JSON Web Key. */
export async function publicJwk(device) {
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", device.keys.publicKey);
  return { kty, crv, x, y };
}

/** Sign a text: 64 bytes, r and s. */
export function sign(device, text) {
  return crypto.subtle.sign(ES256, device.keys.privateKey, new TextEncoder().encode(text));
}

async function transaction(mode, work) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      // strict: a linked key must survive the next power cut, because its code is spent.
      const change = database.transaction("own", mode, { durability: "strict" });
      const request = work(change.objectStore("own"));
      change.oncomplete = () => resolve(request.result);
      change.onabort = change.onerror = () => reject(change.error);
    });
  } finally {
    database.close();
  }
}

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("pushgate", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("own");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
