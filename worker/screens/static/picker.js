// A field in which a row of a list of the API is found by typing and chosen (templates/sales/picker.html): the pattern of
// a combobox with a listbox. The chosen id is in the hidden field beside it; `daybook:picked` tells of the row.

const WAIT_MS = 150;
const MOST = 8;
const asked = new WeakMap(); // picker -> { timer, abort }

const parts = (picker) => ({
  field: picker.querySelector("[role=combobox]"),
  hidden: picker.querySelector("input[type=hidden]"),
  list: picker.querySelector("[role=listbox]"),
  said: picker.querySelector("[data-picker-said]"),
});
const isOpen = (field) => field.getAttribute("aria-expanded") === "true";

// An amount in minor units, by its digits and never by a float.
function price(amount, currency) {
  const digits = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
  const text = String(amount).padStart(digits + 1, "0");
  return `${currency} ${text.slice(0, text.length - digits)}${digits ? `.${text.slice(-digits)}` : ""}`;
}

function wordsOf(item) {
  const main = item.name || item.title || item.email || item.phone || item.id;
  const beside = [item.number ? `#${item.number}` : "", item.email === main ? "" : item.email, item.sku];
  if (item.unit_price !== undefined && item.currency) beside.push(price(item.unit_price, item.currency));
  return [main, beside.filter(Boolean).join(" · ")];
}

function close(picker) {
  const { field, list } = parts(picker);
  list.hidden = true;
  list.replaceChildren();
  field.setAttribute("aria-expanded", "false");
  field.removeAttribute("aria-activedescendant");
}

function activate(picker, option) {
  const { field, list } = parts(picker);
  for (const one of list.children) one.setAttribute("aria-selected", String(one === option));
  field.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

function optionOf(list, item, place) {
  const option = document.createElement("li");
  option.id = `${list.id}-${place}`;
  option.setAttribute("role", "option");
  option.setAttribute("aria-selected", "false");
  const [main, beside] = wordsOf(item);
  const name = document.createElement("b");
  name.textContent = main;
  option.append(name);
  if (beside) {
    const more = document.createElement("small");
    more.textContent = ` ${beside}`;
    option.append(more);
  }
  option.item = item;
  return option;
}

function show(picker, items, more) {
  const { field, list, said } = parts(picker);
  if (document.activeElement !== field) return;
  list.replaceChildren(...items.map((item, place) => optionOf(list, item, place)));
  list.hidden = !items.length;
  field.setAttribute("aria-expanded", String(items.length > 0));
  field.removeAttribute("aria-activedescendant");
  said.textContent = items.length ? `${items.length}${more ? " or more" : ""} found. Arrow keys choose.` : "Nothing found.";
  picker.toggleAttribute("data-nothing", !items.length);
}

async function find(picker, wait) {
  const { field } = parts(picker);
  const before = asked.get(picker);
  clearTimeout(before?.timer);
  before?.abort.abort();
  const abort = new AbortController();
  const timer = setTimeout(async () => {
    const url = new URL(picker.dataset.picker, location.href);
    url.searchParams.set("limit", MOST);
    if (field.value.trim()) url.searchParams.set("q", field.value.trim());
    try {
      const answer = await fetch(url, { signal: abort.signal });
      const page = answer.ok ? await answer.json() : { items: [], next_cursor: null };
      show(picker, page.items, page.next_cursor !== null);
    } catch (error) {
      if (error.name !== "AbortError") parts(picker).said.textContent = "Daybook does not answer.";
    }
  }, wait);
  asked.set(picker, { timer, abort });
}

function choose(picker, item) {
  const { field, hidden, said } = parts(picker);
  field.value = item ? wordsOf(item)[0] : "";
  hidden.value = item?.id ?? "";
  picker.removeAttribute("data-nothing");
  check(picker);
  close(picker);
  said.textContent = item ? `${field.value} chosen.` : "";
  hidden.dispatchEvent(new CustomEvent("daybook:picked", { bubbles: true, detail: item }));
  if (hidden.form?.dataset.filters !== undefined) hidden.form.requestSubmit();
}

// Typed words alone are no choice: the form says so in place of leaving them out unseen.
function check(picker) {
  const { field, hidden } = parts(picker);
  const missing = !hidden.value && field.value.trim();
  field.setCustomValidity(missing ? "Choose one from the list." : "");
  field.required = picker.dataset.needed !== undefined && !hidden.value;
}

const KEYS = {
  ArrowDown: (picker, options, at) => activate(picker, options[Math.min(options.length - 1, at + 1)]),
  ArrowUp: (picker, options, at) => activate(picker, options[at < 0 ? options.length - 1 : Math.max(0, at - 1)]),
  Enter: (picker, options, at) => choose(picker, options[Math.max(0, at)].item),
  Escape: (picker) => close(picker),
};

document.addEventListener("keydown", (event) => {
  const picker = event.target.role === "combobox" && event.target.closest("[data-picker]");
  if (!picker || !KEYS[event.key]) return;
  const { field, list } = parts(picker);
  if (!isOpen(field)) {
    if (event.key === "ArrowDown") find(picker, 0);
    if (event.key !== "ArrowDown") return;
  } else {
    const options = [...list.children];
    KEYS[event.key](picker, options, options.findIndex((one) => one.getAttribute("aria-selected") === "true"));
  }
  event.preventDefault();
});

document.addEventListener("input", (event) => {
  const picker = event.target.closest?.("[data-picker]");
  if (!picker) return;
  const { field, hidden } = parts(picker);
  hidden.value = "";
  check(picker);
  if (field.value.trim()) find(picker, WAIT_MS);
  else close(picker);
});

document.addEventListener("pointerdown", (event) => {
  const option = event.target.closest?.("[data-picker] [role=option]");
  if (!option) return;
  event.preventDefault(); // the field keeps the focus
  choose(option.closest("[data-picker]"), option.item);
});

document.addEventListener("focusout", (event) => {
  const picker = event.target.closest?.("[data-picker]");
  if (!picker) return;
  asked.get(picker)?.abort.abort();
  clearTimeout(asked.get(picker)?.timer);
  close(picker);
});
