/**
 * Keeps a browser signed in to a service that uses Sallyport's jwtauth.
 *
 * The access token lives in the memory of the page and nowhere else; the refresh token lives in an HttpOnly cookie that no
 * script can read. A request that is answered with TOKEN_EXPIRED or TOKEN_INVALID refreshes and is sent once more. However many
 * tabs and requests find the token expired at once, one of them refreshes and the others use what it got.
 *
 *     import { createAuth } from "/auth.js";
 *     const auth = createAuth({ refreshURL: "/auth/refresh", revokeURL: "/auth/revoke" });
 *     const orders = await auth.fetch("/api/orders");
 *
 * What it does not protect from: script of an attacker in the page can use the token for as long as the page is open. A request
 * that the service redirects to another origin goes there as the browser sends it: recent ones take the Authorization header off
 * (Fetch standard, HTTP-redirect fetch), older ones do not. Let no address of the service redirect to wherever its caller says.
 *
 * @module
 */

/**
 * @typedef {object} Options
 * @property {string | URL} refreshURL Where the refresh cookie is turned into an access token, by POST.
 * @property {string | URL} revokeURL Where a sign-out is told to the service, by POST.
 * @property {string[]} [origins] Origins, besides that of the page, to which the access token may be sent.
 * @property {number} [timeout] Milliseconds to wait for the answer to a refresh or a sign-out; 4 000 if absent. Without one it is
 *   sent once more, at once. Twice this time must be less than the Grace of the service, which is 10 seconds: a refresh whose answer
 *   was lost, and that comes again when the grace is over, is taken for a thief's.
 * @property {string} [name] Tells apart several services of one origin; "sallyport" if absent.
 * @property {typeof fetch} [fetch] In place of the global fetch, for tests.
 * @property {Pick<LockManager, "request"> | null} [locks] In place of navigator.locks; null: none.
 * @property {BroadcastChannel | null} [channel] In place of a channel of that name; null: none.
 * @property {() => number} [now] A clock in milliseconds that never goes back, for tests.
 */

/**
 * What the service answers to a sign-in and to a refresh (RFC 6749 section 5.1).
 *
 * @typedef {object} TokenResponse
 * @property {string} access_token
 * @property {string} token_type
 * @property {number} [expires_in] Seconds.
 */

/**
 * The token as one tab knows it.
 *
 * @typedef {object} Held
 * @property {string} token Empty: signed out.
 * @property {number} expires By the clock of this tab.
 * @property {string} id Random; the same in every tab that has this token.
 */

/** How long a tab waits for another to hand over the token that it has just got, in milliseconds. */
const handover = 500;

/** What a token may consist of (b64token, RFC 6750 section 2.1): anything else cannot be sent. */
const b64token = /^[\w.~+/-]+=*$/;

/** A token that is refused as soon as it is there is not refreshed again for so many milliseconds: it would not help. */
const pause = 30_000;

/** What a refresh can help against. */
const refreshable = ["TOKEN_EXPIRED", "TOKEN_INVALID"];

/** A token that expires within this many milliseconds is refreshed before it is used. */
const margin = 5_000;

/**
 * The refresh could not be made, though the user may well be signed in: no network, or a service that is busy or down. Try again
 * later, after `retryAfter` seconds if that is not 0.
 */
export class RefreshError extends Error {
  /**
   * @param {string} message
   * @param {{ status?: number, retryAfter?: number, cause?: unknown }} [details]
   */
  constructor(message, { status = 0, retryAfter = 0, cause } = {}) {
    super(message, { cause });
    this.name = "RefreshError";
    /** The HTTP status of the answer; 0 if there was none. */
    this.status = status;
    /** Seconds to wait, from Retry-After; 0 if the service did not say. */
    this.retryAfter = retryAfter;
  }
}

/**
 * Makes the one Auth of a page. It emits "signin" when a token arrives, in whichever tab it was got, and "signout" when
 * the user is signed out in any tab.
 *
 * @param {Options} options
 * @returns {Auth}
 */
export function createAuth(options) {
  return new Auth(options);
}

export class Auth extends EventTarget {
  /** @type {Held | null} null: not known yet. */
  #held = null;
  /** The token that was refused when it was new, and until when the next refresh has to wait. */
  #useless = { id: "", until: 0 };
  /** Counts sign-ins and sign-outs of all tabs: a request is not sent again for somebody else. */
  #user = 0;
  /** Counts sign-ins and sign-outs of this tab: what began before the last one is stale. */
  #epoch = 0;
  /** @type {Promise<boolean> | null} The refresh of this tab that is under way. */
  #refreshing = null;
  /** @type {Set<() => void>} Who waits for a token from another tab. */
  #waiting = new Set();
  /** @type {Required<Pick<Options, "refreshURL" | "revokeURL" | "timeout" | "name" | "fetch" | "now">>} */
  #options;
  /** @type {Set<string>} */
  #origins;
  /** @type {Pick<LockManager, "request"> | null} */
  #locks;
  /** @type {BroadcastChannel | null} */
  #channel;

  /** @param {Options} options */
  constructor(options) {
    super();
    const { refreshURL, revokeURL, origins = [], timeout = 4_000, name = "sallyport" } = options;
    if (!refreshURL || !revokeURL) throw new TypeError("createAuth: refreshURL and revokeURL are required");
    this.#options = {
      refreshURL,
      revokeURL,
      timeout,
      name,
      fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)),
      now: options.now ?? (() => performance.now()),
    };
    this.#origins = new Set(origins.map((o) => new URL(o).origin));
    if (globalThis.location) this.#origins.add(globalThis.location.origin);
    this.#locks = options.locks !== undefined ? options.locks : (globalThis.navigator?.locks ?? null);
    this.#channel =
      options.channel !== undefined
        ? options.channel
        : globalThis.BroadcastChannel
          ? new BroadcastChannel(`${name}.auth`)
          : null;
    this.#channel?.addEventListener("message", (event) => this.#hear(/** @type {MessageEvent} */ (event).data));
  }

  /** Whether the user is signed in: true, false, or undefined before the first request or refresh has told. */
  get signedIn() {
    return this.#held === null ? undefined : this.#held.token !== "";
  }

  /**
   * Takes over the answer to a sign-in, such as `await (await fetch("/auth/login", …)).json()`.
   *
   * @param {TokenResponse} response
   */
  accept(response) {
    this.#epoch++;
    this.#user++;
    this.#take(response, { signin: true });
  }

  /**
   * Is fetch with the access token. It refreshes an expired token first, and once if the service says TOKEN_EXPIRED, or
   * TOKEN_INVALID as for a token whose key was retired; then the answer is that to the second try. If that is refused as well, no
   * request refreshes for half a minute. A caller who is not signed in gets the service's 401, and so does one whose user signs out
   * meanwhile, or makes place for another: what one user asked for is not done as another.
   *
   * The token goes to the page's own origin and those in Options.origins; requests elsewhere are sent as they are. A
   * request with an Authorization header of its own keeps it.
   *
   * @param {RequestInfo | URL} input
   * @param {RequestInit} [init]
   * @returns {Promise<Response>}
   * @throws {RefreshError} if the token has expired and cannot be refreshed now
   */
  async fetch(input, init) {
    const request = new Request(input, init);
    if (!this.#origins.has(new URL(request.url).origin) || request.headers.has("Authorization")) {
      return this.#options.fetch(request);
    }
    if (this.#stale()) await this.refresh();
    const again = request.clone();
    const used = this.#held;
    const user = this.#user;
    const response = await this.#options.fetch(this.#bearing(request, used));
    const useless = used?.id === this.#useless.id && this.#options.now() < this.#useless.until;
    if (!used?.token || useless || !refreshable.includes(await refusal(response))) {
      again.body?.cancel().catch(() => {});
      return response;
    }
    // Another request may have refreshed while this one was on its way.
    if (this.#held === used) await this.refresh();
    if (this.#user !== user) {
      again.body?.cancel().catch(() => {});
      return response;
    }
    await response.body?.cancel();
    const next = this.#held;
    const second = await this.#options.fetch(this.#bearing(again, next));
    if (next && refreshable.includes(await refusal(second))) this.#useless = { id: next.id, until: this.#options.now() + pause };
    return second;
  }

  /**
   * Gets a new access token, once for all callers in all tabs that ask at the same time. It tells whether the user is signed in
   * afterwards.
   *
   * @returns {Promise<boolean>}
   * @throws {RefreshError}
   */
  refresh() {
    this.#refreshing ??= this.#refreshAlone().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  /**
   * Signs out in this tab and all others, and ends the refresh token at the service. The tabs are signed out in any case. If it
   * throws, the sign-in may live on at the service: tell the user. With a status of 0 the service was not reached, the cookie is
   * still there, and the next visit is signed in again: try again. With 503 the service has taken the cookie away but could not end
   * the refresh token, which is good until it expires, for whoever has a copy: the list of devices can end it.
   *
   * @throws {RefreshError}
   */
  async logout() {
    this.#epoch++;
    this.#drop();
    this.#say({ kind: "signout" });
    // Under the lock no other tab can be in the middle of a refresh, whose answer would bring the cookie back.
    const answer = await this.#exclusive(() => this.#post(this.#options.revokeURL));
    await answer.body?.cancel();
    if (!answer.ok) {
      throw new RefreshError(`the service answered ${answer.status} to the sign-out`, { status: answer.status, retryAfter: seconds(answer) });
    }
  }

  /** Forgets the token of this tab and stops listening to others. */
  close() {
    this.#epoch++;
    this.#held = null;
    this.#channel?.close();
    this.#channel = null;
  }

  #stale() {
    return this.#held === null || (this.#held.token !== "" && this.#held.expires - this.#options.now() < margin);
  }

  /**
   * @param {Request} request
   * @param {Held | null} held
   */
  #bearing(request, held) {
    if (held?.token) request.headers.set("Authorization", `Bearer ${held.token}`);
    return request;
  }

  async #refreshAlone() {
    const before = this.#held?.id;
    const epoch = this.#epoch;
    return this.#exclusive(async (waited) => {
      // Whoever held the lock has what we want, and its message may still be on its way.
      if (waited && this.#held?.id === before && epoch === this.#epoch) await this.#ask(before);
      if (this.#held?.id !== before || epoch !== this.#epoch) return this.signedIn === true;
      const answer = await this.#post(this.#options.refreshURL);
      if (answer.status === 401) {
        await answer.body?.cancel();
        if (epoch === this.#epoch) {
          this.#drop();
          this.#say({ kind: "signout" });
        }
        return this.signedIn === true;
      }
      if (!answer.ok) {
        await answer.body?.cancel();
        throw new RefreshError(`the service answered ${answer.status} to the refresh`, { status: answer.status, retryAfter: seconds(answer) });
      }
      /** @type {TokenResponse} */
      let body;
      try {
        body = await answer.json();
      } catch (cause) {
        throw new RefreshError("the service's answer to the refresh is not JSON", { status: answer.status, cause });
      }
      // A sign-out or another sign-in in this tab is newer than this answer.
      if (epoch === this.#epoch) this.#take(body, { status: answer.status });
      return this.signedIn === true;
    });
  }

  /**
   * Runs work while no other tab is at it. Without Web Locks there is only this tab; the service bears that several tabs
   * refresh at once, as long as their answers come in order.
   *
   * @template T
   * @param {(waited: boolean) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async #exclusive(work) {
    const locks = this.#locks;
    if (!locks) return work(false);
    const name = `${this.#options.name}.refresh`;
    /** @type {{ done: false } | { done: true, result: T }} */
    const first = await locks.request(name, { ifAvailable: true }, async (lock) =>
      lock ? { done: true, result: await work(false) } : { done: false },
    );
    return first.done ? first.result : locks.request(name, () => work(true));
  }

  /**
   * Sends an empty POST, and once more if there is no answer: the first one may have been lost after the service did what was asked,
   * and for a refresh the service bears the repetition for a few seconds only.
   *
   * @param {string | URL} url
   */
  async #post(url) {
    const send = () =>
      this.#options.fetch(
        new Request(new URL(url, globalThis.location?.href), {
          method: "POST",
          credentials: "include",
          cache: "no-store",
          redirect: "error",
          signal: AbortSignal.timeout(this.#options.timeout),
        }),
      );
    try {
      return await send().catch(send);
    } catch (cause) {
      throw new RefreshError("the service cannot be reached", { cause });
    }
  }

  /**
   * @param {TokenResponse} response
   * @param {{ signin?: boolean, status?: number }} from Whether it is that to a sign-in, and its HTTP status.
   */
  #take(response, { signin = false, status = 0 }) {
    const { access_token: token, token_type: type, expires_in: lifetime } = response ?? {};
    if (typeof token !== "string" || !b64token.test(token) || typeof type !== "string" || type.toLowerCase() !== "bearer") {
      throw new RefreshError("the service's answer has no bearer token", { status });
    }
    const left = typeof lifetime === "number" && lifetime > 0 ? lifetime * 1000 : Infinity;
    this.#hold({ token, expires: this.#options.now() + left, id: crypto.randomUUID() });
    this.#say(this.#news(signin));
  }

  /** @param {Held} held */
  #hold(held) {
    this.#held = held;
    this.dispatchEvent(new Event("signin"));
  }

  #drop() {
    this.#user++;
    const told = this.#held?.token === "";
    this.#held = { token: "", expires: Infinity, id: crypto.randomUUID() };
    if (!told) this.dispatchEvent(new Event("signout"));
  }

  /** What other tabs need to use this tab's token. Clocks of tabs differ, so it says how long the token lives. */
  #news(signin = false) {
    const { token, expires, id } = /** @type {Held} */ (this.#held);
    return { kind: "token", token, id, left: expires - this.#options.now(), signin };
  }

  /** @param {object} message */
  #say(message) {
    this.#channel?.postMessage(message);
  }

  /**
   * Waits for a token other than the one with that id, for a moment.
   *
   * @param {string | undefined} before
   */
  #ask(before) {
    if (!this.#channel) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve(undefined);
      };
      const timer = setTimeout(done, handover);
      this.#waiting.add(done);
      this.#say({ kind: "ask", id: before });
    });
  }

  /**
   * Takes what another tab says, which may run another version of this module.
   *
   * @param {{ kind: string, token?: unknown, id?: unknown, left?: unknown, signin?: unknown }} message
   */
  #hear(message) {
    switch (message?.kind) {
      case "token": {
        const { token, id, left } = message;
        if (typeof token !== "string" || !b64token.test(token) || typeof id !== "string" || typeof left !== "number" || !(left > 0)) return;
        if (id === this.#held?.id) return;
        this.#epoch++;
        if (message.signin === true) this.#user++;
        this.#hold({ token, id, expires: this.#options.now() + left });
        break;
      }
      case "signout":
        this.#epoch++;
        this.#drop();
        break;
      case "ask":
        if (this.#held?.token && this.#held.id !== message.id && !this.#stale()) this.#say(this.#news());
        return;
      default:
        return;
    }
    for (const done of [...this.#waiting]) done();
  }
}

/**
 * The code of a response that is a problem (RFC 9457) with status 401, or "". The response stays readable.
 *
 * @param {Response} response
 */
async function refusal(response) {
  if (response.status !== 401) return "";
  if (!response.headers.get("Content-Type")?.startsWith("application/problem+json")) return "";
  try {
    return (await response.clone().json()).code;
  } catch {
    return "";
  }
}

/** @param {Response} response */
function seconds(response) {
  const value = Number(response.headers.get("Retry-After"));
  return Number.isFinite(value) && value > 0 ? value : 0;
}
