// A page that has nothing but what it gets from the API with an access token.
import { createAuth, RefreshError } from "/auth.js";

const $ = (id) => document.getElementById(id);

const refreshURL = "/api/v1/auth/token/refresh";

// The token passes here on its way to the API, and what it says is shown. To keep it, or to decide by it, is not for a page.
let shown = "";
const watched = (request) => {
  const token = request.headers.get("Authorization")?.replace("Bearer ", "") ?? "";
  if (token && token !== shown) {
    shown = token;
    say(JSON.parse(new TextDecoder().decode(bytes(token.split(".")[1]))));
  }
  return fetch(request).then((response) => {
    if (response.ok && new URL(request.url).pathname === refreshURL) $("refreshes").textContent++;
    return response;
  });
};
const auth = createAuth({ refreshURL, revokeURL: "/api/v1/auth/token/revoke", fetch: watched });

const bytes = (encoded) => Uint8Array.from(atob(encoded.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));

let expires = 0;
function say(claims) {
  expires = claims.exp * 1000;
  $("claims").textContent = JSON.stringify({ sub: claims.sub, roles: claims.roles, iss: claims.iss });
  tick();
}
function tick() {
  const left = Math.round((expires - Date.now()) / 1000);
  $("expiry").textContent = `${new Date(expires).toLocaleTimeString()}, ${left > 0 ? `in ${left} s` : "over: the next request refreshes it"}`;
}
setInterval(tick, 1000);

/** Sends JSON without cookies of the session, and returns what is answered, or throws an Error with the problem's code. */
async function call(method, path, body, send = (...args) => auth.fetch(...args)) {
  const response = await send(path, {
    method,
    credentials: send === fetch ? "same-origin" : "omit", // a session of this browser must not answer for the token
    headers: { Accept: "application/json", ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(why(answer, response)), { status: response.status, code: answer.code });
  return answer;
}

// What the forms of other pages say about a problem: the page brings their sentences.
const words = JSON.parse($("problem").dataset.words);
function why({ code, detail, title }, response) {
  if (code === "TOO_MANY_REQUESTS") return `${words[code]} ${again(Number(response.headers.get("Retry-After")))}`;
  return words[code] ?? detail ?? `${title}.`;
}
function again(seconds) {
  if (seconds > 90 * 60) return `Try again in ${Math.ceil(seconds / 3600)} hours.`;
  if (seconds > 60) return `Try again in ${Math.ceil(seconds / 60)} minutes.`;
  return seconds > 0 ? "Try again in a minute." : "Wait a while, and try again.";
}

/** Runs an action and says what went wrong. */
async function act(action) {
  $("problem").hidden = true;
  try {
    await action();
  } catch (error) {
    const unreached = error instanceof RefreshError || error instanceof TypeError; // the second is of fetch
    $("problem").lastElementChild.textContent = unreached ? "The service cannot be reached. Try again in a moment." : error.message;
    $("problem").hidden = false;
  }
}

function only(id) {
  for (const part of ["sign-in", "second", "signed-in"]) $(part).hidden = part !== id;
}

function row(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

async function show() {
  let me = null;
  try {
    me = (await call("GET", "/api/v1/profile")).data;
  } catch (error) {
    if (error.status !== 401) throw error;
  }
  if (!me) {
    nobody();
    if ($("second").hidden) only("sign-in");
    return;
  }
  const orders = await call("GET", "/api/v1/orders").then((answer) => answer.data, (error) => [{ item: error.message }]); // who may not see them is told so
  if (ended) return; // signed out meanwhile
  only("signed-in");
  $("who").textContent = `Signed in as ${me.email}.`;
  $("profile").replaceChildren(...Object.entries(me).flatMap(([name, value]) => [row("dt", name), row("dd", [value].flat().join(", "))]));
  $("orders").replaceChildren(...(orders.length ? orders : [{ item: "There are no orders yet." }]).map((o) => row("li", o.item)));
}

function nobody() {
  $("who").textContent = "Nobody is signed in with a token.";
  $("profile").replaceChildren();
  $("orders").replaceChildren();
  $("claims").textContent = shown = "";
}

function take(response) {
  auth.accept(response);
  for (const form of document.forms) form.reset();
}

$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const body = Object.fromEntries(new FormData(event.currentTarget));
  act(async () => {
    try {
      take(await call("POST", "/api/v1/auth/token", body, fetch));
    } catch (error) {
      if (error.code !== "MFA_REQUIRED") throw error;
      only("second"); // the service keeps the sign-in for the code
      $("who").textContent = "One more step.";
      $("code").focus();
    }
  });
});
$("second").addEventListener("submit", (event) => {
  event.preventDefault();
  const code = $("code").value.trim();
  const body = /^\d{6}$/.test(code) ? { code } : { recovery_code: code };
  act(async () => {
    try {
      take(await call("POST", "/api/v1/auth/mfa/challenge", body, fetch));
    } catch (error) {
      if (error.code === "MFA_CHALLENGE_INVALID") only("sign-in"); // it took too long
      throw error;
    }
  });
});
$("not-now").addEventListener("click", () => only("sign-in"));
$("load").addEventListener("click", () => act(show));
$("refresh").addEventListener("click", () => act(async () => (await auth.refresh()) && show()));
$("sign-out").addEventListener("click", () => act(() => auth.logout()));

// Every tab shows what a sign-in, a refresh or a sign-out of any tab has changed. A sign-out while show is waiting is
// followed by another show, or what it hides would come back.
let showing = false;
let ended = false;
async function follow() {
  if (showing) return;
  showing = true;
  do {
    ended = false;
    await act(show);
  } while (ended);
  showing = false;
}
auth.addEventListener("signin", follow);
auth.addEventListener("signout", () => {
  ended = true;
  nobody(); // and not when the server has answered: it may be out of reach
  only("sign-in");
  follow();
});
follow();
