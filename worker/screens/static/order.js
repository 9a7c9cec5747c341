// The order's page: printing, and which lines a child carries.

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) print();
});

// All of a line unless a part of it is asked for.
document.addEventListener("daybook:ask", (event) => {
  const form = event.target;
  if (form.dataset.child === undefined) return;
  event.detail.body.items = [...form.querySelectorAll("[data-item]:checked")].map(({ dataset }) => {
    const quantity = form.querySelector(`[data-quantity-of="${dataset.item}"]`);
    const text = quantity.value.trim();
    return text && text !== quantity.dataset.whole ? { item_id: dataset.item, quantity: text } : { item_id: dataset.item };
  });
});
