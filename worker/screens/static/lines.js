// The order form: lines and charges that are added, removed and moved; totals, which the API computes; and on an order
// that there is, only what was changed is sent.

import { bodyOf, call } from "./actions.js";

const form = document.querySelector("form[data-order-form]");
const PAUSE_MS = 300;
const FIGURES = ["currency", "items", "charges", "offer_id", "template", "price_list"]; // what the totals follow from
let timer = 0;
let asked = 0;

const lists = () => [...form.querySelectorAll("[data-lines]")];
const digits = () => Number(form.elements.namedItem("currency").selectedOptions[0]?.dataset.digits ?? 2);

// Minor units as people write them, by their digits and never by a float.
function major(amount) {
  const places = digits();
  const text = String(Math.abs(amount)).padStart(places + 1, "0");
  const whole = text.slice(0, text.length - places).replace(/\B(?=(\d{3})+$)/g, ",");
  return (amount < 0 ? "-" : "") + whole + (places ? `.${text.slice(-places)}` : "");
}

// A row that nobody has written in counts for nothing.
const blank = (row) => !row.querySelector('[name$=".id"]') && ![...row.querySelectorAll("input:not([type=checkbox])")].some((field) => field.value.trim() && !field.name.endsWith(".quantity"));
const rowsOf = (noun) => [...form.querySelectorAll(`[data-lines=${noun}] > *`)].filter((row) => !blank(row));

function renumber() {
  for (const list of lists()) {
    [...list.children].forEach((row, n) => {
      for (const field of row.querySelectorAll("[name]")) field.name = field.name.replace(/^(\w+)\.\d+\./, `$1.${n}.`);
    });
  }
}

function offer(field, wanted) {
  field.disabled = field.closest("label").hidden = !wanted; // what is disabled is not sent
}

// What a charge's fields mean hangs on its kind and on how it is counted.
function settle(row) {
  const mode = row.querySelector("[data-charge-mode]");
  if (!mode) return;
  const percent = mode.value === "percent";
  offer(row.querySelector("[data-charge-of]"), percent);
  offer(row.querySelector("[data-charge-sign]"), ["other", "price_adjustment"].includes(row.querySelector("[data-charge-kind]").value));
  const value = row.querySelector("[data-charge-value]");
  if (percent) delete value.dataset.kind;
  else value.dataset.kind = "money";
}

function changed() {
  renumber();
  clearTimeout(timer);
  timer = setTimeout(preview, PAUSE_MS);
}

function show(answer) {
  for (const place of form.querySelectorAll("[data-sum]")) {
    const [name, kind] = place.dataset.sum.split(".");
    const amount = kind ? answer.summary.charges[kind] ?? 0 : answer.summary[name];
    place.textContent = major(place.dataset.sign ? -amount : amount);
  }
  for (const row of form.querySelectorAll("[data-sum-row]")) row.hidden = !answer.summary.charges[row.dataset.sumRow];
  form.querySelector("[data-sum-currency]").textContent = answer.currency;
  for (const [noun, figure] of [["items", "total"], ["charges", "amount"]]) {
    rowsOf(noun).forEach((row, n) => {
      if (answer[noun][n]) row.querySelector("[data-line-sum]").textContent = major(answer[noun][n][figure]);
    });
  }
  rowsOf("items").forEach((row, n) => {
    for (const name of ["name", "unit_price", "tax_rate"]) {
      const field = row.querySelector(`[name$=".${name}"]`);
      const found = answer.items[n]?.[name];
      field.placeholder = found == null ? "" : name === "unit_price" ? major(found) : found;
    }
  });
}

async function preview() {
  const turn = ++asked;
  const note = form.querySelector("[data-sum-note]");
  try {
    const whole = bodyOf(form);
    const body = Object.fromEntries(FIGURES.filter((name) => whole[name] != null).map((name) => [name, whole[name]]));
    for (const noun of ["items", "charges"]) {
      const list = form.querySelector(`[data-lines=${noun}]`);
      if (list.closest("fieldset:disabled")) delete body[noun];
      else body[noun] = (whole[noun] ?? []).filter((_, n) => !blank(list.children[n]));
    }
    if (form.dataset.orderForm) Object.assign(body, { order_id: form.dataset.orderForm });
    const answer = await call("POST", "/api/v1/orders/preview", body);
    if (turn !== asked) return;
    show(answer);
    note.textContent = "";
  } catch (error) {
    if (turn === asked) note.textContent = `Not counted yet: ${error.problem?.errors?.[0]?.message ?? error.message}`;
  }
}

function localTime(iso) {
  const at = new Date(iso);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

form.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  const row = button?.closest("[data-line]");
  if (button?.dataset.add) {
    const list = form.querySelector(`[data-lines=${button.dataset.add}]`);
    list.append(document.getElementById(`new-${button.dataset.add}`).content.cloneNode(true));
    settle(list.lastElementChild);
    list.lastElementChild.querySelector("input:not([type=hidden]), select").focus();
  } else if (button?.dataset.move) {
    const other = button.dataset.move < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    if (button.dataset.move < 0) other.before(row);
    else other.after(row);
    [button, ...row.querySelectorAll("[data-move]")].find((one) => one.checkVisibility({ visibilityProperty: true }))?.focus();
  } else if (button?.dataset.remove !== undefined) {
    const list = row.parentElement;
    const near = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (near?.querySelector("[data-remove]") ?? form.querySelector(`[data-add=${list.dataset.lines}]`)).focus();
  } else return;
  changed();
});

form.addEventListener("submit", (event) => {
  const unchosen = [...form.querySelectorAll("[role=combobox]")].find((field) => !field.reportValidity());
  if (unchosen) {
    event.preventDefault();
    event.stopPropagation();
    return;
  }
  for (const list of lists()) for (const row of [...list.children]) if (blank(row)) row.remove();
  renumber();
});
form.addEventListener("change", ({ target }) => {
  if (target.closest("[data-line]")) settle(target.closest("[data-line]"));
  if (target.dataset.currency !== undefined) for (const field of form.querySelectorAll("[data-kind=money]")) field.dataset.digits = digits();
});
form.addEventListener("input", ({ target }) => {
  if (FIGURES.includes(target.name?.split(".")[0])) changed();
});

for (const field of form.querySelectorAll("[data-at]")) if (field.dataset.at) field.value = localTime(field.dataset.at);
for (const row of form.querySelectorAll("[data-line]")) settle(row);
const before = form.dataset.orderForm ? bodyOf(form) : null;

form.addEventListener("daybook:ask", (event) => {
  if (!before) return;
  const { body } = event.detail;
  const names = new Set([...Object.keys(before), ...Object.keys(body)]);
  const nothing = (name) => (["items", "charges"].includes(name) ? [] : null);
  const differs = [...names].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(body[name]));
  event.detail.body = Object.fromEntries(differs.map((name) => [name, body[name] ?? nothing(name)]));
  if (differs.length) return;
  event.preventDefault();
  location.assign(`/orders/${form.dataset.orderForm}`);
});

if (!form.dataset.orderForm) {
  if (!form.querySelector("[data-lines=items]").children.length) form.querySelector("[data-add=items]").click();
  form.querySelector("[role=combobox]").focus();
}
