// A field that looks up rows of a list of the API while one types; the id of what is chosen goes into a hidden field.

import { call } from "./actions.js";

const PAUSE_MS = 200;
const called = ({ name, title, email }) => [name ?? title, email].filter(Boolean).join(", ") || "without a name";
const known = new WeakMap(); // by field: the ids of what was found, by how it is called
let timer = 0;

async function find(field) {
  const text = field.value.trim();
  if (!text || known.get(field)?.has(text)) return;
  const { items } = await call("GET", `${field.dataset.lookup}?limit=10&q=${encodeURIComponent(text)}`);
  const found = new Map(items.map((item) => [called(item), item.id]));
  known.set(field, new Map([...(known.get(field) ?? []), ...found]));
  field.list.replaceChildren(...[...found.keys()].map((words) => new Option("", words)));
  choose(field);
}

function choose(field) {
  const hidden = field.form.elements.namedItem(field.dataset.for);
  const id = known.get(field)?.get(field.value.trim()) ?? "";
  if (hidden.value === id) return;
  hidden.value = id;
  hidden.dispatchEvent(new Event("change", { bubbles: true }));
}

document.addEventListener("input", ({ target }) => {
  if (target.dataset?.lookup === undefined) return;
  choose(target);
  clearTimeout(timer);
  timer = setTimeout(() => find(target).catch(() => {}), PAUSE_MS);
});
