// Runs on node's own test runner, with a copy of auth.js beside it: see client_test.go.
import { test } from "node:test";
import assert from "node:assert/strict";
import { createAuth, RefreshError } from "./auth.mjs";

const origin = "https://shop.example";
globalThis.location = new URL(`${origin}/page`);

/** A service: tokens t1, t2, … of which the newest one is good; every refresh makes the next. */
function service() {
  const s = {
    n: 0,
    signedIn: true,
    refreshes: 0,
    revokes: 0,
    requests: [],
    /** What the next answers of an endpoint are, in place of the usual ones. */
    script: { refresh: [], revoke: [], api: [] },
    /** Holds refreshes back until it resolves. */
    gate: Promise.resolve(),
    async fetch(request) {
      const path = new URL(request.url).pathname;
      s.requests.push(request);
      if (path === "/auth/refresh") {
        assert.equal(request.method, "POST");
        assert.equal(request.credentials, "include");
        assert.equal(request.headers.get("Authorization"), null);
        s.refreshes++;
        await s.gate;
        if (s.script.refresh.length) return s.script.refresh.shift()();
        if (!s.signedIn) return problem(401, "INVALID_CREDENTIALS");
        return Response.json({ access_token: `t${++s.n}`, token_type: "Bearer", expires_in: 900 });
      }
      if (path === "/auth/revoke") {
        s.revokes++;
        if (s.script.revoke.length) return s.script.revoke.shift()();
        s.signedIn = false;
        return new Response(null, { status: 204 });
      }
      if (s.script.api.length) return s.script.api.shift()(request);
      const bearer = request.headers.get("Authorization");
      const body = await request.text();
      if (bearer === `Bearer t${s.n}`) return Response.json({ ok: true, body });
      return problem(401, bearer ? "TOKEN_EXPIRED" : "UNAUTHENTICATED");
    },
    /** Makes the tokens that are out expire. */
    expire() {
      s.n++;
    },
  };
  return s;
}

function problem(status, code, headers = {}) {
  return new Response(JSON.stringify({ code, status }), { status, headers: { "Content-Type": "application/problem+json", ...headers } });
}

/** Web Locks, as far as they are used. */
function lockManager() {
  /** @type {Map<string, Promise<unknown>>} */
  const held = new Map();
  return {
    async request(name, options, work) {
      if (typeof options === "function") [options, work] = [{}, options];
      if (held.has(name) && options.ifAvailable) return work(null);
      while (held.has(name)) await held.get(name);
      let release;
      held.set(name, new Promise((resolve) => (release = resolve)));
      try {
        return await work({ name });
      } finally {
        held.delete(name);
        release();
      }
    },
  };
}

/** What is posted on a channel is heard by the others a turn of the event loop later, as in a browser. */
class Channel extends EventTarget {
  static all = new Map();
  constructor(name) {
    super();
    this.peers = Channel.all.get(name) ?? new Set();
    Channel.all.set(name, this.peers.add(this));
  }
  postMessage(data) {
    const copy = structuredClone(data);
    for (const peer of this.peers) {
      if (peer !== this) setImmediate(() => peer.peers && peer.dispatchEvent(new MessageEvent("message", { data: copy })));
    }
  }
  close() {
    this.peers?.delete(this);
    this.peers = null;
  }
}
globalThis.BroadcastChannel = Channel;

let names = 0;
/** Opens n tabs on a service. */
function open(t, s, n = 1, more = {}) {
  const name = `test${names++}`;
  const locks = lockManager();
  const tabs = Array.from({ length: n }, () =>
    createAuth({ refreshURL: "/auth/refresh", revokeURL: "/auth/revoke", name, locks, fetch: (r) => s.fetch(r), ...more }),
  );
  t.after(() => tabs.forEach((tab) => tab.close()));
  return tabs;
}

const api = `${origin}/api/orders`;
/** Resolves when everything that was under way has gone as far as it can. */
const later = async () => {
  for (let i = 0; i < 50; i++) await new Promise(setImmediate);
};

test("a page that has just opened gets its token from the cookie", async (t) => {
  const s = service();
  const [tab] = open(t, s);
  assert.equal(tab.signedIn, undefined);
  assert.equal((await tab.fetch(api)).status, 200);
  assert.equal(tab.signedIn, true);
  assert.equal(s.refreshes, 1);
});

test("an expired token is refreshed and the request sent once more, with its body", async (t) => {
  const s = service();
  const [tab] = open(t, s);
  await tab.refresh();
  s.expire();
  const answer = await tab.fetch(api, { method: "POST", body: "two coffees" });
  assert.equal((await answer.json()).body, "two coffees");
  assert.equal(s.refreshes, 2);
});

test("it is tried once more and not for ever", async (t) => {
  const s = service();
  const [tab] = open(t, s);
  await tab.refresh();
  const no = () => problem(401, "TOKEN_EXPIRED");
  s.script.api = [no, no, no, no];
  const answer = await tab.fetch(api);
  assert.equal(answer.status, 401);
  assert.equal((await answer.json()).code, "TOKEN_EXPIRED");
  assert.equal(s.script.api.length, 2);
});

test("F22 a token whose key was retired is refreshed once", async (t) => {
  const s = service();
  const [tab] = open(t, s);
  await tab.refresh();
  s.script.api = [() => problem(401, "TOKEN_INVALID")];
  assert.equal((await tab.fetch(api)).status, 200);
  assert.equal(s.refreshes, 2);
});

test("a service that never takes its tokens costs a refresh now and then, not one for each request", async (t) => {
  for (const code of ["TOKEN_INVALID", "TOKEN_EXPIRED"]) {
    const s = service();
    let now = 0;
    const [tab] = open(t, s, 1, { now: () => now });
    await tab.refresh();
    s.script.api = Array(40).fill(() => problem(401, code));
    for (let i = 0; i < 10; i++) {
      const answer = await tab.fetch(api);
      assert.equal((await answer.json()).code, code);
    }
    assert.deepEqual([s.refreshes, s.script.api.length], [2, 40 - 11]);
    now = 29_999;
    await tab.fetch(api);
    assert.equal(s.refreshes, 2);
    now = 30_000;
    s.script.api = [() => problem(401, code)];
    assert.equal((await tab.fetch(api)).status, 200, "it recovers");
    assert.equal(s.refreshes, 3);
    s.expire();
    assert.equal((await tab.fetch(api)).status, 200, "and the next token is another one");
    assert.equal(s.refreshes, 4);
  }
});

test("F03 an answer to a refresh that was lost is asked for again at once, within the grace of the service", async (t) => {
  const s = service();
  const [tab] = open(t, s, 1, { timeout: 20 });
  let first;
  s.script.refresh = [
    () => {
      s.n++; // done, and nobody will hear of it
      first = s.requests.at(-1).signal;
      return new Promise((_, reject) => first.addEventListener("abort", () => reject(first.reason)));
    },
    () => Response.json({ access_token: `t${s.n}`, token_type: "Bearer", expires_in: 900 }),
  ];
  const answer = tab.fetch(api);
  const alive = setTimeout(() => {}, 1000); // the timers of AbortSignal.timeout do not keep node running
  assert.equal((await answer).status, 200);
  clearTimeout(alive);
  assert.deepEqual([s.refreshes, first.aborted], [2, true]);
});

test("another 401 is the caller's to read", async (t) => {
  const s = service();
  const [tab] = open(t, s);
  await tab.refresh();
  for (const no of [
    () => problem(401, "STEP_UP_REQUIRED"),
    () => new Response("no", { status: 401 }),
    () => Response.json({ code: "TOKEN_EXPIRED" }, { status: 401 }),
    () => new Response("{", { status: 401, headers: { "Content-Type": "application/problem+json" } }),
  ]) {
    s.script.api = [no];
    const answer = await tab.fetch(api);
    assert.equal(answer.status, 401);
    assert.equal(answer.bodyUsed, false);
  }
  assert.equal(s.refreshes, 1);
});

test("R03 fifty requests at once refresh once", async (t) => {
  const s = service();
  const [tab] = open(t, s);
  await tab.refresh();
  s.expire();
  const answers = await Promise.all(Array.from({ length: 50 }, () => tab.fetch(api)));
  assert.ok(answers.every((a) => a.status === 200));
  assert.equal(s.refreshes, 2);
});

test("a request that comes back late uses the token that others have got meanwhile", async (t) => {
  const s = service();
  const [tab] = open(t, s);
  await tab.refresh();
  let answer;
  s.script.api = [() => new Promise((resolve) => (answer = resolve))];
  const late = tab.fetch(api);
  await later();
  s.expire();
  await tab.fetch(api);
  answer(problem(401, "TOKEN_EXPIRED"));
  assert.equal((await late).status, 200);
  assert.equal(s.refreshes, 2);
});

test("what one user asked for is not done as another", async (t) => {
  for (const next of ["sign-in here", "sign-in there", "sign-out there"]) {
    const s = service();
    const tabs = open(t, s, 2);
    await tabs[0].refresh();
    await later();
    let answer;
    s.script.api = [() => new Promise((resolve) => (answer = resolve))];
    const order = tabs[0].fetch(api, { method: "POST", body: "a yacht" });
    await later();
    if (next === "sign-out there") await tabs[1].logout();
    else tabs[next === "sign-in here" ? 0 : 1].accept({ access_token: `t${++s.n}`, token_type: "bearer" }); // of Bob
    await later();
    const sent = s.requests.length;
    answer(problem(401, "TOKEN_EXPIRED"));
    assert.deepEqual([next, (await order).status, s.requests.length], [next, 401, sent]);
    assert.equal(tabs[0].signedIn, next !== "sign-out there");
  }
});

test("a sign-in is newer than a refresh that began before it, in this tab or another", async (t) => {
  for (const where of [0, 1]) {
    const s = service();
    let open_;
    s.gate = new Promise((resolve) => (open_ = resolve));
    const tabs = open(t, s, 2, { locks: null });
    const refresh = tabs[0].refresh();
    await later();
    tabs[where].accept({ access_token: "bob", token_type: "bearer" });
    await later();
    open_();
    await refresh;
    s.script.api = [(r) => Response.json(r.headers.get("Authorization"))];
    assert.equal(await (await tabs[0].fetch(api)).json(), "Bearer bob");
  }
});

test("R03 three tabs that open at once refresh once, and all have the token", async (t) => {
  const s = service();
  const tabs = open(t, s, 3);
  const answers = await Promise.all(tabs.map((tab) => tab.fetch(api)));
  assert.deepEqual(answers.map((a) => a.status), [200, 200, 200]);
  assert.equal(s.refreshes, 1);
});

test("R03 three tabs whose token has expired refresh once", async (t) => {
  const s = service();
  const tabs = open(t, s, 3);
  await Promise.all(tabs.map((tab) => tab.fetch(api)));
  s.expire();
  const answers = await Promise.all(tabs.map((tab) => tab.fetch(api)));
  assert.deepEqual(answers.map((a) => a.status), [200, 200, 200]);
  assert.equal(s.refreshes, 2);
});

test("without Web Locks and without a channel a tab still refreshes once for all its requests", async (t) => {
  const s = service();
  const [tab] = open(t, s, 1, { locks: null, channel: null });
  const answers = await Promise.all(Array.from({ length: 20 }, () => tab.fetch(api)));
  assert.ok(answers.every((a) => a.status === 200));
  assert.equal(s.refreshes, 1);
});

test("a tab that has refreshed and says nothing stops nobody", async (t) => {
  const s = service();
  const locks = lockManager();
  const [silent] = open(t, s, 1, { locks, channel: null });
  const [tab] = open(t, s, 1, { locks, name: `test${names - 1}` });
  assert.deepEqual(await Promise.all([silent.refresh(), tab.refresh()]), [true, true]);
  assert.equal(s.refreshes, 2);
});

test("a token about to expire is refreshed before it is used", async (t) => {
  const s = service();
  let now = 0;
  const [tab] = open(t, s, 1, { now: () => now });
  await tab.fetch(api);
  now = 894_000;
  await tab.fetch(api);
  assert.equal(s.refreshes, 1);
  now = 896_000;
  await tab.fetch(api);
  assert.equal(s.refreshes, 2);
});

test("the token goes to no other origin, and not over a header of the caller's", async (t) => {
  const s = service();
  const [tab] = open(t, s, 1, { origins: ["https://api.shop.example"] });
  await tab.refresh();
  s.script.api = Array(7).fill((r) => Response.json({ bearer: r.headers.get("Authorization") }));
  const bearer = async (...args) => (await (await tab.fetch(...args)).json()).bearer;
  assert.equal(await bearer("https://evil.example/"), null);
  assert.equal(await bearer("http://shop.example/"), null);
  assert.equal(await bearer("https://shop.example.evil.example/"), null);
  assert.equal(await bearer("https://shop.example:8443/"), null);
  assert.equal(await bearer("data:text/plain,x"), null);
  assert.equal(await bearer("https://api.shop.example/"), "Bearer t1");
  assert.equal(await bearer(api, { headers: { Authorization: "Bearer mine" } }), "Bearer mine");
});

test("a sign-in of one tab is one of all", async (t) => {
  const s = service();
  const [a, b] = open(t, s, 2);
  let told = 0;
  b.addEventListener("signin", () => told++);
  a.accept({ access_token: `t${++s.n}`, token_type: "Bearer", expires_in: 900 });
  await later();
  assert.equal(told, 1);
  assert.equal((await b.fetch(api)).status, 200);
  assert.equal(s.refreshes, 0);
});

test("RFT-12 a logout signs out every tab and ends the refresh token", async (t) => {
  const s = service();
  const [a, b] = open(t, s, 2);
  await a.fetch(api);
  await later();
  let told = 0;
  b.addEventListener("signout", () => told++);
  await a.logout();
  await later();
  assert.equal(s.revokes, 1);
  assert.deepEqual([a.signedIn, b.signedIn, told], [false, false, 1]);
  assert.equal((await b.fetch(api)).status, 401);
  assert.equal(s.refreshes, 1);
});

test("R06 a refresh that was under way at a logout signs nobody in", async (t) => {
  const s = service();
  let open_;
  s.gate = new Promise((resolve) => (open_ = resolve));
  const [a, b] = open(t, s, 2);
  const refresh = a.refresh();
  await later();
  const logout = b.logout();
  await later();
  assert.equal(s.revokes, 0, "the sign-out waits for the refresh, whose cookie it has to end");
  open_();
  assert.equal(await refresh, false);
  await logout;
  await later();
  assert.deepEqual([a.signedIn, b.signedIn, s.revokes], [false, false, 1]);
});

test("RFT-09 a logout that the service could not do is an error, and the tabs are signed out", async (t) => {
  const s = service();
  const [tab] = open(t, s);
  await tab.refresh();
  s.script.revoke = [() => problem(503, "UNAVAILABLE", { "Retry-After": "7" })];
  await assert.rejects(tab.logout(), (e) => e instanceof RefreshError && e.status === 503 && e.retryAfter === 7);
  assert.equal(tab.signedIn, false);
  s.script.revoke = [() => problem(401, "UNAUTHENTICATED")]; // the handler was put behind a gate
  await assert.rejects(tab.logout(), (e) => e instanceof RefreshError && e.status === 401);
});

test("a refresh token that has ended signs out, with one event", async (t) => {
  const s = service();
  const [a, b] = open(t, s, 2);
  await a.fetch(api);
  await later();
  let told = 0;
  for (const tab of [a, b]) tab.addEventListener("signout", () => told++);
  s.signedIn = false;
  s.expire();
  const answer = await a.fetch(api);
  assert.equal(answer.status, 401);
  await later();
  assert.deepEqual([a.signedIn, b.signedIn, told], [false, false, 2]);
  assert.equal((await a.fetch(api)).status, 401);
  await a.refresh();
  assert.equal(s.refreshes, 3);
  assert.equal(told, 2);
});

test("a service that is down is not a sign-out", async (t) => {
  const s = service();
  const [tab] = open(t, s);
  await tab.refresh();
  s.expire();
  const down = () => problem(503, "UNAVAILABLE", { "Retry-After": "3" });
  const cut = () => {
    throw new TypeError("network");
  };
  const odd = (body) => [[() => Response.json(body)], 200, 0];
  for (const [faults, status, retryAfter] of [
    [[down], 503, 3],
    [[cut, cut], 0, 0],
    [[cut, down], 503, 3],
    [[() => new Response("<html>")], 200, 0],
    odd(null),
    odd({}),
    odd({ access_token: "x", token_type: "mac" }),
    odd({ access_token: "x\r\nX-Y: z", token_type: "bearer" }),
  ]) {
    s.script.refresh = [...faults];
    await assert.rejects(tab.fetch(api), (e) => e instanceof RefreshError && e.status === status && e.retryAfter === retryAfter);
    assert.deepEqual([tab.signedIn, s.script.refresh.length], [true, 0]);
  }
  assert.equal((await tab.fetch(api)).status, 200);
});

test("what others post on the channel does not break a tab", async (t) => {
  const s = service();
  const [tab] = open(t, s);
  await tab.refresh();
  const channel = new BroadcastChannel(`test${names - 1}.auth`);
  t.after(() => channel.close());
  const token = { kind: "token", token: "other", id: "x", left: 1000 };
  const junk = [null, 1, "x", {}, { kind: "other" }, { kind: "token" }, { ...token, token: "" }, { ...token, token: "a\nb" }, { ...token, id: 1 }];
  for (const message of [...junk, { ...token, left: "1" }, { ...token, left: NaN }, { ...token, left: -1 }]) channel.postMessage(message);
  await later();
  assert.equal((await tab.fetch(api)).status, 200);
  assert.equal(s.refreshes, 1);
});

test("nothing is kept where other pages or a later visit can read it", async (t) => {
  for (const word of ["localStorage", "sessionStorage", "indexedDB", "document.cookie"]) {
    assert.equal((await import("node:fs")).readFileSync(new URL("./auth.mjs", import.meta.url), "utf8").includes(word), false, word);
  }
});
