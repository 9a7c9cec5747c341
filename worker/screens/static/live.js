// Keeps the page live. The server sends the sections that changed, as HTML; they are grown into the page node by node, so
// that focus, selection and hover stay where they are.

const place = document.querySelector("[data-stream]");
const badge = document.querySelector("[data-live-state]");
const words = document.querySelector("[data-live-words]");
const RETRY_MS = [1000, 2000, 5000, 10000];

let source = null;
let failures = 0;
let timer = 0;

function show(state, text) {
  if (badge.dataset.liveState !== state) badge.dataset.liveState = state;
  if (words.textContent !== text) words.textContent = text;
}

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.dataset.key : undefined);
const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

// Makes `old` what `fresh` is, keeping every node that can be kept.
function grow(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== "aria-busy") old.removeAttribute(name);
  growChildren(old, fresh);
}

function growChildren(old, fresh) {
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

function receive(event) {
  failures = 0;
  for (const [name, html] of Object.entries(JSON.parse(event.data))) {
    const section = place.querySelector(`[data-section="${name}"]`);
    if (section) growChildren(section, new DOMParser().parseFromString(html, "text/html").body);
  }
  place.dispatchEvent(new CustomEvent("daybook:grown"));
  show("live", "Live");
}

function open() {
  if (source || document.hidden) return;
  clearTimeout(timer);
  source = new EventSource(place.dataset.stream);
  source.addEventListener("sections", receive);
  source.addEventListener("stale", (event) => show("lost", event.data));
  source.addEventListener("ended", () => location.assign("/sign-in"));
  source.addEventListener("error", lost);
}

function close() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

// The browser gives up for good on an answer that is no stream, so the way back is ours.
async function lost() {
  close();
  failures += 1;
  if (failures > 1) show("lost", "Connection lost, trying again");
  else show("connecting", "Connecting");
  timer = setTimeout(async () => {
    const answer = await fetch("/stream/session").catch(() => null);
    if (answer?.status === 401) location.assign("/sign-in");
    else open();
  }, RETRY_MS[Math.min(failures, RETRY_MS.length) - 1]);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    close();
    show("paused", "Paused");
  } else {
    show("connecting", "Connecting");
    open();
  }
});
addEventListener("pagehide", close);
open();
