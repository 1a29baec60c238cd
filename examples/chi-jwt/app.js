import { createAuth, RefreshError } from "/auth.js";

const auth = createAuth({ refreshURL: "/auth/refresh", revokeURL: "/auth/revoke" });
const $ = (id) => document.getElementById(id);

/** Sends JSON and returns the answer's, or throws an Error with the problem's title. */
async function call(method, path, body, fetch = (...args) => auth.fetch(...args)) {
  const response = await fetch(path, {
    method,
    headers: body && { "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  const answer = text ? JSON.parse(text) : null;
  if (!response.ok) throw Object.assign(new Error(answer?.detail ?? answer?.title ?? response.statusText), { status: response.status });
  return answer;
}

/** Runs an action and shows what went wrong. */
async function act(action) {
  $("problem").hidden = true;
  try {
    await action();
  } catch (error) {
    $("problem").textContent = error instanceof RefreshError ? "The service cannot be reached. Try again in a moment." : error.message;
    $("problem").hidden = false;
  }
}

function item(text, label, action) {
  const li = document.createElement("li");
  li.textContent = text;
  if (action) {
    const button = document.createElement("button");
    button.textContent = label;
    button.setAttribute("aria-label", `${label}: ${text}`);
    button.addEventListener("click", () => act(action));
    li.append(" ", button);
  }
  return li;
}

async function show() {
  let me = null;
  try {
    me = (await call("GET", "/api/me")).data;
  } catch (error) {
    if (error.status !== 401) throw error;
  }
  $("login").hidden = me !== null;
  $("logout").hidden = $("orders").hidden = me === null;
  $("who").textContent = me ? `${me.email}, ${me.roles.join(", ")}` : "Nobody is signed in.";
  if (!me) {
    $("list").replaceChildren();
    $("devices").replaceChildren();
    return;
  }
  const may = (permission) => me.permissions.includes(permission); // what a button shows, the route enforces
  $("add").hidden = !may("orders:write");
  const [orders, devices] = await Promise.all([call("GET", "/api/orders"), call("GET", "/api/devices")]);
  $("list").replaceChildren(
    ...orders.data.map((o) =>
      item(o.item, "Delete", may("orders:delete") && (() => call("DELETE", `/api/orders/${o.id}`).then(show))),
    ),
  );
  $("devices").replaceChildren(
    ...devices.data.map((d) =>
      item(
        `${d.user_agent || "Unknown device"}, ${d.address || "unknown address"}${d.current ? " (this one)" : ""}`,
        "Sign out",
        !d.current && (() => call("DELETE", `/api/devices/${d.id}`).then(show)),
      ),
    ),
  );
}

$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const fields = Object.fromEntries(new FormData(form));
  act(async () => {
    auth.accept(await call("POST", "/auth/login", fields, fetch));
    form.reset();
  });
});
$("add").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const fields = Object.fromEntries(new FormData(form));
  act(async () => {
    await call("POST", "/api/orders", fields);
    form.reset();
    await show();
  });
});
$("logout").addEventListener("click", () => act(() => auth.logout()));

// Every tab shows what a sign-in, a sign-out or a refresh of any tab has changed. The requests of show can refresh themselves, so
// a sign-in meanwhile is no reason to begin again; a sign-out is, or what it hides would come back.
let showing = false;
let ended = false;
const follow = async () => {
  if (showing) return;
  showing = true;
  do {
    ended = false;
    await act(show);
  } while (ended);
  showing = false;
};
auth.addEventListener("signin", follow);
auth.addEventListener("signout", () => {
  ended = true;
  follow();
});
follow();
