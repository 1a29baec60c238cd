// The suite of passkey.js. Run by script_test.go on node.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createPasskeys, PasskeyError, supported, autofill } from "./passkey.mjs";

const buffer = (...bytes) => Uint8Array.from(bytes).buffer;
const every = Uint8Array.from({ length: 256 }, (_, i) => i);
const everyText = Buffer.from(every).toString("base64url");

/** A service that answers begin with publicKey, and finish with a Response. */
function service(publicKey, finish = () => new Response(null, { status: 204 })) {
  const sent = [];
  const fetch = async (url, init) => {
    sent.push({ url, init, body: JSON.parse(init.body) });
    return url.endsWith("/begin") ? Response.json({ publicKey, state: "sealed", expires_in: 300 }) : finish();
  };
  return { fetch, sent };
}

test("register passes on what the service asks for, and what the authenticator makes", async () => {
  const s = service({
    challenge: everyText,
    rp: { id: "example.com", name: "Example" },
    user: { id: "-_8", name: "alice@example.com", displayName: "Alice" },
    pubKeyCredParams: [{ type: "public-key", alg: -7 }],
    excludeCredentials: [{ type: "public-key", id: "AQI", transports: ["usb"] }],
  });
  let asked;
  const credentials = {
    create: async (o) => {
      asked = o;
      return { rawId: buffer(0xfb, 0xff), response: { clientDataJSON: buffer(1), attestationObject: every.buffer, getTransports: () => ["usb"] } };
    },
  };
  const signal = new AbortController().signal;
  const response = await createPasskeys({ base: "/keys", fetch: s.fetch, credentials }).register("Key", { signal });
  assert.equal(response.status, 204);
  assert.deepEqual(asked.publicKey.challenge, every);
  assert.deepEqual([...asked.publicKey.user.id], [0xfb, 0xff]);
  assert.equal(asked.publicKey.user.name, "alice@example.com");
  assert.deepEqual([...asked.publicKey.excludeCredentials[0].id], [1, 2]);
  assert.deepEqual(asked.publicKey.excludeCredentials[0].transports, ["usb"]);
  assert.equal(asked.signal, signal);
  assert.deepEqual(s.sent.map((r) => r.url), ["/keys/register/begin", "/keys/register/finish"]);
  assert.deepEqual(s.sent[1].body, {
    state: "sealed", id: "-_8", client_data_json: "AQ", attestation_object: everyText, transports: ["usb"], name: "Key",
  });
  assert.equal(s.sent[1].init.method, "POST");
  assert.equal(s.sent[1].init.credentials, "same-origin");
  assert.equal(s.sent[1].init.headers["Content-Type"], "application/json");
});

test("an authenticator that names no transports, and a service that excludes none", async () => {
  const s = service({ challenge: "AA", user: { id: "AA" } });
  const credentials = { create: async () => ({ rawId: buffer(1), response: { clientDataJSON: buffer(), attestationObject: buffer() } }) };
  await createPasskeys({ fetch: s.fetch, credentials }).register();
  assert.deepEqual(s.sent[1].body.transports, []);
  assert.equal(s.sent[1].body.name, "");
});

for (const [name, path] of [["prove", "factor"], ["login", "login"]]) {
  test(`${name} uses a passkey`, async () => {
    const s = service({ challenge: "AQI", rpId: "example.com", allowCredentials: [{ type: "public-key", id: "AQ" }] });
    let asked;
    const credentials = {
      get: async (o) => {
        asked = o;
        return { rawId: buffer(1), response: { clientDataJSON: buffer(2), authenticatorData: buffer(3), signature: buffer(4), userHandle: buffer(5) } };
      },
    };
    const passkeys = createPasskeys({ fetch: s.fetch, credentials });
    assert.equal((await passkeys[name]({ returnTo: "/orders" })).status, 204);
    assert.deepEqual([...asked.publicKey.challenge], [1, 2]);
    assert.deepEqual([...asked.publicKey.allowCredentials[0].id], [1]);
    assert.equal(asked.mediation, "optional");
    assert.deepEqual(s.sent.map((r) => r.url), [`/passkeys/${path}/begin`, `/passkeys/${path}/finish`]);
    assert.deepEqual(s.sent[1].body, {
      state: "sealed", id: "AQ", client_data_json: "Ag", authenticator_data: "Aw", signature: "BA", user_handle: "BQ", return_to: "/orders",
    });
    await passkeys[name]({ autofill: true });
    assert.equal(asked.mediation, "conditional");
    assert.equal("return_to" in s.sent[3].body, false);
  });
}

test("an authenticator that names no user", async () => {
  const s = service({ challenge: "AQI" });
  const credentials = { get: async () => ({ rawId: buffer(1), response: { clientDataJSON: buffer(), authenticatorData: buffer(), signature: buffer(), userHandle: null } }) };
  await createPasskeys({ fetch: s.fetch, credentials }).prove();
  assert.equal(s.sent[1].body.user_handle, "");
});

test("a refusal of the service is a PasskeyError, with its problem", async () => {
  const refuse = (body, type) => async () => new Response(body, { status: 401, headers: { "Content-Type": type } });
  const passkeys = createPasskeys({ fetch: refuse('{"code":"STEP_UP_REQUIRED","title":"A more recent sign-in"}', "application/problem+json") });
  await assert.rejects(passkeys.register(), (e) => {
    assert.ok(e instanceof PasskeyError);
    assert.equal(e.code, "STEP_UP_REQUIRED");
    assert.equal(e.message, "A more recent sign-in");
    assert.equal(e.response.status, 401);
    return true;
  });
  for (const other of ["<html>", "", "null", "[]"]) {
    await assert.rejects(createPasskeys({ fetch: refuse(other, "text/html") }).login(), { name: "PasskeyError", code: "" });
  }
});

test("what the browser refuses comes through, and nothing is sent", async () => {
  const s = service({ challenge: "AQI" });
  const credentials = { get: async () => { throw new DOMException("no", "NotAllowedError"); } };
  await assert.rejects(createPasskeys({ fetch: s.fetch, credentials }).login(), { name: "NotAllowedError" });
  assert.equal(s.sent.length, 1);
});

test("a passkey that the service does not know is signalled to the browser, of a login alone", async () => {
  const told = [];
  globalThis.PublicKeyCredential = class { static signalUnknownCredential = async (o) => { told.push(o); throw new TypeError("not here"); }; };
  try {
    const s = service({ challenge: "AQI", rpId: "example.com" }, () => Response.json({ code: "PASSKEY_UNKNOWN" }, { status: 401 }));
    const credentials = { get: async () => ({ rawId: buffer(1), response: { clientDataJSON: buffer(), authenticatorData: buffer(), signature: buffer() } }) };
    const passkeys = createPasskeys({ fetch: s.fetch, credentials });
    await assert.rejects(passkeys.prove(), { code: "PASSKEY_UNKNOWN" });
    assert.deepEqual(told, []);
    await assert.rejects(passkeys.login(), { code: "PASSKEY_UNKNOWN" });
    assert.deepEqual(told, [{ rpId: "example.com", credentialId: "AQ" }]);
  } finally {
    delete globalThis.PublicKeyCredential;
  }
});

test("whether the browser can", async () => {
  assert.equal(supported(), false);
  assert.equal(await autofill(), false);
  globalThis.PublicKeyCredential = class {};
  try {
    assert.equal(supported(), true);
    assert.equal(await autofill(), false);
    PublicKeyCredential.isConditionalMediationAvailable = async () => true;
    assert.equal(await autofill(), true);
  } finally {
    delete globalThis.PublicKeyCredential;
  }
});
