// The stream of events: stays connected, tells when something may have changed. What an event says is not believed:
// it is a hint to ask again, so lost, doubled or forged events neither lose nor invent a login.

const SHORTEST_PAUSE = 1_000;
const LONGEST_PAUSE = 15_000;
const SILENCE = 45_000; // the authority sends a comment every 15 s
const CONNECT = 15_000;
const LONGEST_LINE = 256 * 1024; // a ctx is half of 64 KiB; inside an event each backslash stands twice

/**
 * Follow the stream until signal is aborted. changed() is called after each connect and at each event,
 * lost(error) when there is no connection.
 */
export async function follow(authority, changed, lost, signal) {
  let pause = SHORTEST_PAUSE;
  while (!signal.aborted) {
    const connection = new AbortController();
    const end = () => connection.abort();
    signal.addEventListener("abort", end);
    try {
      const impatience = setTimeout(end, CONNECT);
      const body = await authority.events(connection.signal).finally(() => clearTimeout(impatience));
      pause = SHORTEST_PAUSE;
      changed();
      await readEvents(body, connection, changed);
    } catch (error) {
      if (!signal.aborted) lost(error);
    } finally {
      connection.abort();
      signal.removeEventListener("abort", end);
    }
    await sleep(pause * (0.75 + Math.random() / 2), signal);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  }
}

async function readEvents(body, connection, changed) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const watchdog = setTimeout(() => connection.abort(), SILENCE);
    const { done, value } = await reader.read().finally(() => clearTimeout(watchdog));
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    if (rest.length > LONGEST_LINE) throw new Error("an event is too long");
    if (lines.some((line) => line.startsWith("event:"))) changed();
  }
}

/** Wait, but no longer than until the network or the person comes back. */
function sleep(milliseconds, signal) {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      removeEventListener("online", wake);
      document.removeEventListener("visibilitychange", wake);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, milliseconds);
    addEventListener("online", wake);
    document.addEventListener("visibilitychange", wake);
    signal.addEventListener("abort", wake);
  });
}
