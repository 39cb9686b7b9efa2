/*
 * The network cable of one pane, which a button can cut. The library knows nothing of it: this page puts itself between
 * the library and the browser's WebSocket and fetch, and knows by the URL (`?cable=left`, which the broker ignores) for
 * whom they are. A cut closes what is open beneath the library, and from then on every attempt fails, as it does
 * without a network.
 */
const cables = new Map();
const cableOf = (url) => cables.get(new URL(url, location.href).searchParams.get('cable'));

export class Cable {
  constructor(name) {
    this.name = name;
    this.isCut = false;
    this.ends = new Set(); // functions that break what is open
    cables.set(name, this);
  }

  /** The URL, led through this cable. */
  through(url) {
    const led = new URL(url);
    led.searchParams.set('cable', this.name);
    return led.href;
  }

  cut() {
    this.isCut = true;
    for (const end of this.ends) end();
    this.ends.clear();
  }

  mend() {
    this.isCut = false;
    window.dispatchEvent(new Event('online')); // as the browser does when its network is back
  }
}

// What a WebSocket without a network is: it closes, and has never been open.
class DeadSocket extends EventTarget {
  constructor() {
    super();
    this.readyState = 3;
    setTimeout(() => this.onclose?.(new CloseEvent('close', { code: 1006 })));
  }

  send() {}
  close() {}
}

globalThis.WebSocket = new Proxy(globalThis.WebSocket, {
  construct(RealSocket, [url, protocols]) {
    const cable = cableOf(url);
    if (cable?.isCut) return new DeadSocket();
    const socket = new RealSocket(url, protocols);
    const end = () => socket.close();
    cable?.ends.add(end);
    socket.addEventListener('close', () => cable?.ends.delete(end));
    return socket;
  },
});

const realFetch = globalThis.fetch;
globalThis.fetch = async (url, init = {}) => {
  const cable = cableOf(url);
  if (!cable) return realFetch(url, init);
  if (cable.isCut) throw new TypeError('no network');
  const broken = new AbortController();
  const end = () => broken.abort();
  cable.ends.add(end);
  if (init.signal?.aborted) end();
  init.signal?.addEventListener('abort', end);
  try {
    return await realFetch(url, { ...init, signal: broken.signal });
  } finally {
    // What is left then is a stream, which a cut ends too, or an answer that is here all but at once.
    if (init.method === 'POST' || broken.signal.aborted) cable.ends.delete(end);
  }
};
