// Lines of a form that become the JSON field `items`: each line's fields are named by data-of.

import { minor } from "./actions.js";

const partsOf = (place) => ({
  lines: place.querySelector("[data-lines]"),
  hidden: place.querySelector("input[name=items]"),
  template: place.querySelector("template"),
});

function valueOf(field) {
  const text = field.value.trim();
  field.setCustomValidity("");
  if (!text || field.dataset.kind !== "money") return text || undefined;
  try {
    return minor(text, field);
  } catch (wrong) {
    field.setCustomValidity(wrong.message);
    return undefined;
  }
}

function write(place) {
  const { lines, hidden } = partsOf(place);
  const items = [...lines.children].map((line) =>
    Object.fromEntries([...line.querySelectorAll("[data-of]")].map((field) => [field.dataset.of, valueOf(field)])),
  );
  hidden.value = JSON.stringify(items);
  for (const button of lines.querySelectorAll("[data-remove]")) button.hidden = lines.children.length === 1;
}

function add(place) {
  const { lines, template } = partsOf(place);
  const digits = place.querySelector("[data-kind=money]")?.dataset.digits;
  lines.append(template.content.cloneNode(true));
  const line = lines.lastElementChild;
  if (digits) line.querySelector("[data-kind=money]").dataset.digits = digits;
  write(place);
  return line;
}

document.addEventListener("input", (event) => {
  const place = event.target.closest?.("[data-items]");
  if (place) write(place);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-items] button");
  if (!button) return;
  const place = button.closest("[data-items]");
  if (button.dataset.add !== undefined) return add(place).querySelector("input").focus();
  if (button.dataset.remove === undefined) return;
  const line = button.closest("li");
  const next = line.nextElementSibling ?? line.previousElementSibling;
  line.remove();
  write(place);
  next?.querySelector("input").focus();
});

for (const place of document.querySelectorAll("[data-items]")) add(place);
