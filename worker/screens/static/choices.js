// Parts of a form that depend on a choice: `<select data-shows="sold">` shows what has data-part="sold:VALUE" (several
// values with blanks) and takes the rest out of the form. `<select data-currency>` says how many digits amounts have.

function showParts(select) {
  for (const part of select.form.querySelectorAll("[data-part]")) {
    const [name, values] = part.dataset.part.split(":");
    if (name !== select.dataset.shows) continue;
    part.hidden = !values.split(" ").includes(select.value);
    for (const field of part.querySelectorAll("input, select, textarea, button")) field.disabled = part.hidden;
  }
}

function showDigits(select) {
  const { digits } = select.selectedOptions[0].dataset;
  for (const field of select.form.querySelectorAll("[data-kind=money]")) {
    field.dataset.digits = digits;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

function follow(select) {
  if (select.dataset.shows !== undefined) showParts(select);
  if (select.dataset.currency !== undefined) showDigits(select);
}

document.addEventListener("change", (event) => event.target.matches("select") && follow(event.target));
for (const select of document.querySelectorAll("select[data-shows], select[data-currency]")) follow(select);
