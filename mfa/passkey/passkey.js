/**
 * Makes and uses passkeys in a browser, for a service that uses Sallyport's mfa/passkey.
 *
 *     import { createPasskeys } from "/passkey.js";
 *     const passkeys = createPasskeys({ base: "/passkeys" });
 *     await passkeys.register("My phone"); // somebody who has signed in
 *     await passkeys.prove();              // the second factor of a sign-in that waits, or a step-up
 *     await passkeys.login();              // somebody whom the service does not know yet
 *
 * Each of them asks the service for a challenge, lets the browser talk to the person, and sends what comes of it. It resolves to
 * the Response of the service, which has set a cookie or brings tokens. It rejects with a PasskeyError that has the problem of the
 * service (RFC 9457), or with what the browser says: a DOMException, "NotAllowedError" if the person has cancelled or waited for
 * too long, "InvalidStateError" if the authenticator has a passkey of this account already.
 *
 * Nothing is kept here, and nothing of it is secret. Browsers have one of them at a time: before another begins, end a login that
 * waits for autofill by its signal.
 *
 * @module
 */

/**
 * @typedef {object} Options
 * @property {string} [base] Where the handlers are, "/passkeys" if absent: base + "/register/begin", "/register/finish",
 *   "/factor/begin", "/factor/finish", "/login/begin" and "/login/finish".
 * @property {typeof fetch} [fetch] In place of the global fetch, for example that of auth.js, which sends an access token.
 * @property {CredentialsContainer} [credentials] In place of navigator.credentials, for tests.
 */

/**
 * @typedef {object} UseOptions
 * @property {AbortSignal} [signal] Ends the wait for the person.
 * @property {boolean} [autofill] Of login: offer passkeys among the suggestions of an input with autocomplete="username webauthn",
 *   and wait until one is picked. See autofill(). Who picks one after the challenge has expired is refused with
 *   PASSKEY_CHALLENGE_INVALID: call login again.
 * @property {string} [returnTo] A path of the service, to which the sign-in may lead.
 */

/** A refusal of the service. */
export class PasskeyError extends Error {
  /**
   * @param {Response} response
   * @param {{code?: string, title?: string}} problem What the service says of it, see docs/problems.md; {} if it says nothing.
   */
  constructor(response, problem) {
    super(problem.title ?? `the service answers ${response.status}`);
    this.name = "PasskeyError";
    this.response = response;
    this.problem = problem;
    this.code = problem.code ?? "";
  }
}

/** Whether this browser has passkeys at all. The page must be a secure context. */
export function supported() {
  return typeof globalThis.PublicKeyCredential === "function";
}

/** Whether login({ autofill: true }) works in this browser. */
export async function autofill() {
  return supported() && (await PublicKeyCredential.isConditionalMediationAvailable?.()) === true;
}

/** @param {Options} [options] */
export function createPasskeys({ base = "/passkeys", fetch = globalThis.fetch.bind(globalThis), credentials } = {}) {
  const container = () => credentials ?? navigator.credentials;

  /** Posts JSON and returns the Response, or throws a PasskeyError. */
  async function post(path, body) {
    const response = await fetch(base + path, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(body ?? {}),
    });
    if (!response.ok) {
      throw new PasskeyError(response, (await response.clone().json().catch(() => null)) ?? {});
    }
    return response;
  }

  /** Proves a passkey at the handlers of that name. */
  async function use(name, { signal, autofill = false, returnTo } = {}) {
    const { publicKey, state } = await (await post(`/${name}/begin`)).json();
    const made = await container().get({
      publicKey: { ...publicKey, challenge: bytes(publicKey.challenge), allowCredentials: descriptors(publicKey.allowCredentials) },
      mediation: autofill ? "conditional" : "optional",
      signal,
    });
    const answer = {
      state,
      id: text(made.rawId),
      client_data_json: text(made.response.clientDataJSON),
      authenticator_data: text(made.response.authenticatorData),
      signature: text(made.response.signature),
      user_handle: made.response.userHandle ? text(made.response.userHandle) : "",
    };
    if (returnTo !== undefined) {
      answer.return_to = returnTo;
    }
    try {
      return await post(`/${name}/finish`, answer);
    } catch (e) {
      if (e instanceof PasskeyError && e.code === "PASSKEY_UNKNOWN" && name === "login") {
        // It was removed here: the browser need not offer it any more. Whether it obeys changes nothing.
        await globalThis.PublicKeyCredential?.signalUnknownCredential?.({ rpId: publicKey.rpId, credentialId: answer.id })?.catch(() => {});
      }
      throw e;
    }
  }

  return {
    /**
     * Makes a passkey for whoever has signed in, with a name that the person gives it.
     *
     * @param {string} [name]
     * @param {{signal?: AbortSignal}} [options]
     * @returns {Promise<Response>} 201, with the passkey as JSON.
     */
    async register(name = "", { signal } = {}) {
      const { publicKey, state } = await (await post("/register/begin")).json();
      const made = await container().create({
        publicKey: {
          ...publicKey,
          challenge: bytes(publicKey.challenge),
          user: { ...publicKey.user, id: bytes(publicKey.user.id) },
          excludeCredentials: descriptors(publicKey.excludeCredentials),
        },
        signal,
      });
      return post("/register/finish", {
        state,
        id: text(made.rawId),
        client_data_json: text(made.response.clientDataJSON),
        attestation_object: text(made.response.attestationObject),
        transports: made.response.getTransports?.() ?? [],
        name,
      });
    },

    /**
     * Proves a passkey beside another factor: completes a sign-in that was answered with MFA_REQUIRED, or steps up.
     *
     * @param {UseOptions} [options]
     * @returns {Promise<Response>}
     */
    prove: (options) => use("factor", options),

    /**
     * Signs in with a passkey alone.
     *
     * @param {UseOptions} [options]
     * @returns {Promise<Response>}
     */
    login: (options) => use("login", options),
  };
}

/** Reads the ids of credentials. */
function descriptors(list) {
  return (list ?? []).map((d) => ({ ...d, id: bytes(d.id) }));
}

/** Reads base64url. */
function bytes(encoded) {
  const binary = atob(encoded.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

/** Writes base64url without padding. */
function text(buffer) {
  const binary = Array.from(new Uint8Array(buffer), (b) => String.fromCharCode(b)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
