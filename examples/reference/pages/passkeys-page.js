// The buttons of passkeys. Without script, or where the browser has none, they stay hidden.
import { createPasskeys, supported } from "/passkey.js";

const passkeys = createPasskeys({ base: "/api/v1/passkeys" });

const actions = {
  login: (box) => passkeys.login({ returnTo: box.dataset.then }),
  prove: () => passkeys.prove(), // the service knows where the password was to lead
  register: (box) => passkeys.register(box.querySelector("input").value),
  remove: (box) => fetch("/api/v1/passkeys/" + box.dataset.id, { method: "DELETE" }).then(async (response) => {
    if (!response.ok) {
      const problem = await response.json();
      throw Object.assign(new Error(problem.title), { code: problem.code });
    }
    return response;
  }),
};

function say(box, error) {
  const words = { NotAllowedError: "Nothing was done. Try again when you are ready.", InvalidStateError: "This device has a passkey of yours already." };
  box.querySelector("[role=status]").textContent = words[error.name] ?? error.message + ".";
}

for (const box of document.querySelectorAll("[data-passkey]")) {
  if (!supported() || location.origin !== box.dataset.origin) {
    if (location.origin !== box.dataset.origin && box.dataset.hint) {
      box.hidden = false;
      box.textContent = box.dataset.hint;
    }
    continue;
  }
  box.hidden = false;
  box.querySelector("button").addEventListener("click", async () => {
    try {
      const response = await actions[box.dataset.passkey](box);
      const { return_to: to } = response.status === 200 ? await response.json() : {}; // 200: a sign-in has come to its end
      location.assign(to ?? box.dataset.then);
    } catch (error) {
      if (error.code === "STEP_UP_REQUIRED") location.assign("/account/prove");
      else say(box, error);
    }
  });
}
