// The keyboard: rows by j and k, places by g and a letter, and the rest of what the key `?` lists.

import { switchTheme } from "./controls.js";

let going = 0; // until when a letter after `g` counts

const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.checkVisibility());
const hereOf = (all) => all.findIndex((row) => row.dataset.here !== undefined);

function move(step) {
  const all = rows();
  if (!all.length) return;
  const from = hereOf(all);
  const to = Math.max(0, Math.min(all.length - 1, from < 0 ? (step > 0 ? 0 : all.length - 1) : from + step));
  if (from >= 0) delete all[from].dataset.here;
  all[to].dataset.here = "";
  const link = all[to].querySelector("a");
  (link ?? all[to]).focus({ preventScroll: true });
  all[to].scrollIntoView({ block: "nearest" });
  all[to].dispatchEvent(new CustomEvent("daybook:row", { bubbles: true }));
}

const KEYS = {
  "/": () => document.querySelector("[data-search], [data-find]")?.focus(),
  j: () => move(1),
  k: () => move(-1),
  x: () => rows()[hereOf(rows())]?.querySelector("input[type=checkbox]")?.click(),
  ".": () => document.querySelector("main [data-first-action]")?.click(),
  t: switchTheme,
  "?": () => document.getElementById("keys")?.showModal(),
  g: () => {
    going = Date.now() + 1500;
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, [contenteditable]")) return;
  if (document.querySelector("dialog[open]")) return;
  if (Date.now() < going) {
    going = 0;
    const place = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (place) {
      event.preventDefault();
      return place.click();
    }
  }
  if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
});

document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.("[data-row]");
  if (!row || row.dataset.here !== undefined) return;
  for (const old of document.querySelectorAll("[data-here]")) delete old.dataset.here;
  row.dataset.here = "";
});
