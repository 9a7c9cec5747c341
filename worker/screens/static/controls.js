// Small things that every page has: the theme, the menu of narrow screens, copying, replaying, and short messages.

const root = document.documentElement;

export function say(text) {
  const place = document.querySelector("[data-toasts]");
  if (!place) return;
  const toast = document.createElement("p");
  toast.className = "toast";
  toast.textContent = text;
  place.append(toast);
  setTimeout(() => toast.remove(), 6000);
}

function switchTheme() {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("daybook-theme", root.dataset.theme);
  } catch {
    // It lasts for this page only.
  }
}

function showMenu(button, open) {
  button.setAttribute("aria-expanded", String(open));
  document.getElementById(button.getAttribute("aria-controls")).classList.toggle("open", open);
}

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Without https there is no clipboard: the old way.
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error("refused");
}

async function replay(button) {
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`/api/v1/events/${encodeURIComponent(button.dataset.replay)}/replay`, {
      method: "POST",
      headers: { "X-CSRF-Token": document.querySelector("meta[name=csrf]")?.content ?? "" },
    });
    if (answer.ok) return say("Replayed: it is applied again now.");
    const problem = await answer.json().catch(() => ({}));
    say(problem.detail ?? `It was not replayed (status ${answer.status}).`);
  } catch {
    say("It was not replayed: Daybook does not answer.");
  } finally {
    button.removeAttribute("aria-busy");
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.themeSwitch !== undefined) switchTheme();
  else if (button.dataset.menu !== undefined) showMenu(button, button.getAttribute("aria-expanded") !== "true");
  else if (button.dataset.copy !== undefined) {
    copy(button.dataset.copy).then(() => say("Copied."), () => say("The browser did not allow copying."));
  } else if (button.dataset.replay !== undefined) replay(button);
});

document.addEventListener("keydown", (event) => {
  const button = document.querySelector("[data-menu][aria-expanded=true]");
  if (event.key !== "Escape" || !button) return;
  showMenu(button, false);
  button.focus();
});
