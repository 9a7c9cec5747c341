// Keeps the page live: the server sends the sections that changed, as HTML, and they are grown into the page.

import { growChildren } from "./grow.js";

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

function receive(event) {
  failures = 0;
  for (const [name, html] of Object.entries(JSON.parse(event.data))) {
    const section = document.querySelector(`[data-section="${name}"]`);
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
  source.addEventListener("ended", () => signIn());
  source.addEventListener("error", lost);
}

function signIn() {
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
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
    const answer = await fetch("/stream-session").catch(() => null);
    if (answer?.status === 401) signIn();
    else open();
  }, RETRY_MS[Math.min(failures, RETRY_MS.length) - 1]);
}

document.addEventListener("visibilitychange", () => {
  if (!place) return;
  if (document.hidden) {
    close();
    show("paused", "Paused");
  } else {
    show("connecting", "Connecting");
    open();
  }
});
if (place) {
  addEventListener("pagehide", close);
  open();
}
