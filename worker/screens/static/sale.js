// The dialogs about a sale are on the page once: the row whose button opens one says which order it is about.

function about(button) {
  const dialog = document.getElementById(button.dataset.opens);
  for (const place of dialog.querySelectorAll("[data-sale-number]")) place.textContent = button.dataset.number;
  const form = dialog.querySelector("[data-sale-call]");
  form.reset();
  form.dataset.call = form.dataset.saleCall.replace("{id}", button.dataset.sale);
  delete form.dataset.callKey; // another order is another wish
  for (const old of form.querySelectorAll("[data-wrong]")) old.remove();
  const named = form.querySelector("[data-sale-manager]");
  if (named) {
    const known = form.querySelector("input[value=manager]");
    named.textContent = button.dataset.managerName || "who is not named yet";
    known.disabled = !button.dataset.manager;
    form.querySelector(`input[value=${button.dataset.manager ? "manager" : "system"}]`).checked = true;
    another(form);
  }
  const chosen = form.querySelector("[data-sale-chosen]");
  if (chosen) chosen.value = button.dataset.manager;
}

function another(form) {
  form.elements.namedItem("manager_id").disabled = form.elements.namedItem("as").value !== "other";
}

// Before the dialog opens (controls.js listens on the way up).
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-sale]");
  if (button) about(button);
}, true);

document.addEventListener("change", (event) => {
  if (event.target.name === "as" && event.target.form?.dataset.saleCall) another(event.target.form);
});
