// Makes a part of the page what the server says it is, node by node, so that focus, selection and hover stay where they
// are. What a script or a person changed (`OWN`) stays too.

const OWN = new Set(["aria-busy", "open", "aria-selected", "data-here"]);

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.dataset.key : undefined);
const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

function grow(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.nodeName === "DIALOG" && old.open) return; // somebody is writing in it, about what was there when it was opened
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !OWN.has(name)) old.removeAttribute(name);
  growChildren(old, fresh);
}

export function growChildren(old, fresh) {
  const keyed = new Map([...old.childNodes].filter(keyOf).map((node) => [keyOf(node), node]));
  let here = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    while (here?.dataset?.own !== undefined) here = here.nextSibling; // a script's own node, such as a tooltip
    const known = keyOf(wanted) ? keyed.get(keyOf(wanted)) : here;
    if (known && alike(known, wanted)) {
      if (known !== here) old.insertBefore(known, here);
      else here = here.nextSibling;
      grow(known, wanted);
    } else {
      old.insertBefore(wanted, here);
    }
  }
  while (here) {
    const next = here.nextSibling;
    if (here.dataset?.own === undefined) here.remove();
    here = next;
  }
}

// Reads this page again and grows it into what it is now.
export async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (answer.redirected) return location.assign(answer.url);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  if (fresh) growChildren(document.querySelector("main"), fresh);
}
