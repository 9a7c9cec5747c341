// What a person asks for goes to the API like any program's wish: a form or a button names the call.
//
//   <form data-call="POST /api/v1/orders/ID/confirm" data-done="Confirmed.">      fields become the JSON body
//   <button data-call="POST /api/v1/events/ID/replay" data-body='{"a":1}' ...>    a call without fields
//
// data-then: where to go afterwards, `{id}` being a field of the answer; without it the page is read again.
// data-version: the version that the change is meant for (If-Match).
// Before it asks, a form sends `daybook:ask` with the body, which a listener may change or, by preventDefault, keep.
// A field's data-kind says what its text is: int, bool, money (data-digits: places after the point), list (commas),
// json, time (of the browser's zone). An empty field is left out, or the JSON of its data-empty ("null", "0").
// A name with dots makes nested objects, and lists where a part is a number: `items.0.name`.

import { say } from "./controls.js";
import { refresh } from "./grow.js";

class Wrong extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

const KINDS = {
  int: (text, field) => {
    if (!/^-?\d+$/.test(text)) throw new Wrong(field.name, "Enter a whole number.");
    return Number(text);
  },
  bool: (text) => text === "true" || text === "on",
  money: (text, field) => minor(text, field),
  list: (text) => text.split(",").map((part) => part.trim()).filter(Boolean),
  json: (text, field) => {
    try {
      return JSON.parse(text);
    } catch {
      throw new Wrong(field.name, "This is not JSON.");
    }
  },
  time: (text) => new Date(text).toISOString(),
};

// Minor units of an amount such as 1,234.50, by its digits and never by a float.
export function minor(text, field) {
  const digits = Number(field.dataset.digits ?? 2);
  const found = /^(-?)(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?$/.exec(text.replace(/\s/g, ""));
  if (!found || (found[3] ?? "").length > digits) {
    throw new Wrong(field.name, digits ? `Enter an amount such as 12.${"5".padEnd(digits, "0")}.` : "Enter a whole amount.");
  }
  const amount = Number(found[1] + found[2].replaceAll(",", "") + (found[3] ?? "").padEnd(digits, "0"));
  if (!Number.isSafeInteger(amount)) throw new Wrong(field.name, "This amount is too large.");
  return amount;
}

function put(body, name, value) {
  const parts = name.split(".");
  const last = parts.pop();
  let place = body;
  parts.forEach((part, n) => (place = place[part] ??= /^\d+$/.test(parts[n + 1] ?? last) ? [] : {}));
  place[last] = value;
}

export function bodyOf(form) {
  const body = {};
  let any = false;
  for (const field of form.elements) {
    if (!field.name || field.matches(":disabled") || (field.type === "radio" && !field.checked)) continue;
    any = true;
    const text = field.type === "checkbox" ? String(field.checked) : field.value.trim();
    if (text) put(body, field.name, (KINDS[field.type === "checkbox" ? "bool" : field.dataset.kind] ?? String)(text, field));
    else if (field.dataset.empty !== undefined) put(body, field.name, JSON.parse(field.dataset.empty));
  }
  return any ? body : undefined;
}

const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// Asks the API; the answer's JSON, or an error with its `problem`.
export async function call(method, path, body, { version, key } = {}) {
  const headers = { "X-CSRF-Token": document.querySelector("meta[name=csrf]")?.content ?? "" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (version) headers["If-Match"] = `"${version}"`;
  if (key) headers["Idempotency-Key"] = key;
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const json = await answer.json().catch(() => ({}));
  if (answer.ok) return json;
  if (answer.status === 401) location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  throw Object.assign(new Error(json.detail ?? `It was refused (status ${answer.status}).`), { problem: json, status: answer.status });
}

function clear(form) {
  for (const old of form.querySelectorAll("[data-wrong]")) old.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
}

function mark(form, name, message) {
  // A hidden field is marked at the one that stands for it.
  let field = form.querySelector(`[data-for="${CSS.escape(name)}"]`) ?? form.elements.namedItem(name) ?? form.elements.namedItem(name.split(".")[0]);
  if (field instanceof HTMLElement && field.type === "hidden") field = field.closest("[data-picker]")?.querySelector("[role=combobox]");
  if (!(field instanceof HTMLElement)) return false;
  const note = document.createElement("small");
  note.className = "wrong";
  note.id = `wrong-${newKey().slice(0, 8)}`;
  note.dataset.wrong = note.dataset.own = "";
  note.textContent = message.charAt(0).toUpperCase() + message.slice(1);
  field.after(note);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", note.id);
  return true;
}

// Shows why it was refused: at the fields where they are named, else above the form's buttons, else as a short message.
function showWrong(form, error) {
  const fields = error instanceof Wrong ? [{ field: error.field, message: error.message }] : error.problem?.errors ?? [];
  const unplaced = fields.filter(({ field, message }) => !mark(form, field ?? "", message));
  const told = error instanceof Wrong || (fields.length && !unplaced.length && error.status === 422); // at the fields
  const more = unplaced.filter(({ message }) => !error.message.includes(message)).map(({ field, message }) => `${field}: ${message}`);
  const words = [told ? "" : error.message, ...more].filter(Boolean);
  if (words.length) {
    const note = document.createElement("p");
    note.className = "notice bad";
    note.setAttribute("role", "alert");
    note.dataset.wrong = note.dataset.own = "";
    note.textContent = words.join(" ");
    form.prepend(note);
  }
  (form.querySelector("[aria-invalid]") ?? form.querySelector("[data-wrong]"))?.focus?.();
}

async function run(element, body) {
  const [method, path] = element.dataset.call.split(" ");
  // The same key until an answer came: a click whose answer was lost is not done twice.
  if (method === "POST") element.dataset.callKey ||= newKey();
  element.setAttribute("aria-busy", "true");
  try {
    const answer = await call(method, path, body, { version: element.dataset.version, key: element.dataset.callKey });
    delete element.dataset.callKey;
    if (element.closest("dialog")) for (const open of document.querySelectorAll("dialog[open]")) open.close();
    const done = element.dataset.done?.replace(/\{(\w+)\}/g, (_, name) => answer[name] ?? "");
    if (element.dataset.then) return location.assign(element.dataset.then.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(answer[name] ?? "")));
    await refresh();
    if (done) say(done);
    element.dispatchEvent(new CustomEvent("daybook:done", { bubbles: true, detail: answer }));
  } catch (error) {
    if (error.status) delete element.dataset.callKey;
    if (error.status === 412) error.message = "Somebody changed this meanwhile. Reload the page to see it, then make your change again.";
    if (!error.status && !(error instanceof Wrong)) error.message = "Daybook does not answer. Nothing is known to have changed; try again.";
    if (element instanceof HTMLFormElement) showWrong(element, error);
    else say(error.message);
  } finally {
    element.removeAttribute("aria-busy");
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.call === undefined) return;
  event.preventDefault();
  clear(form);
  try {
    const asking = new CustomEvent("daybook:ask", { bubbles: true, cancelable: true, detail: { body: bodyOf(form) } });
    if (form.dispatchEvent(asking)) run(form, asking.detail.body);
  } catch (error) {
    showWrong(form, error);
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-call]");
  if (button) run(button, button.dataset.body === undefined ? undefined : JSON.parse(button.dataset.body));
});

// A filter that is chosen from a list applies at once.
document.addEventListener("change", (event) => {
  if (event.target.matches("form[data-filters] select")) event.target.form.requestSubmit();
});
// Empty filters do not clutter the address.
document.addEventListener("formdata", (event) => {
  if (event.target.dataset.filters === undefined) return;
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
});
