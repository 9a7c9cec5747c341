// Small things that every page has: the theme, the menu of narrow screens, dialogs, copying, and short messages.

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

export function switchTheme() {
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

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.themeSwitch !== undefined) switchTheme();
  else if (button.dataset.menu !== undefined) showMenu(button, button.getAttribute("aria-expanded") !== "true");
  else if (button.dataset.copy !== undefined) {
    copy(button.dataset.copy).then(() => say("Copied."), () => say("The browser did not allow copying."));
  } else if (button.dataset.opens !== undefined) document.getElementById(button.dataset.opens).showModal();
});

document.addEventListener("keydown", (event) => {
  const button = document.querySelector("[data-menu][aria-expanded=true]");
  if (event.key !== "Escape" || !button) return;
  showMenu(button, false);
  button.focus();
});
