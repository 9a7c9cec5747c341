// The list of events: the rows that are picked, and the preview of the row that is looked at.

const desk = document.querySelector("[data-desk]");
const wide = matchMedia("(min-width: 1100px)");
const preview = document.createElement("aside");
preview.className = "preview card";
preview.dataset.own = "";
preview.setAttribute("aria-label", "Preview");
preview.tabIndex = -1;
desk.append(preview);

let shown = { id: "", state: "" };
let asking = null; // the request under way
let timer = 0;

const rowOf = (id) => desk.querySelector(`[data-event="${CSS.escape(id)}"]`);

async function read(id) {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    const answer = await fetch(`/events/${id}?preview=1`, { signal, headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const event = page.querySelector("[data-event-page]") ?? page.querySelector("main > *");
    if (signal.aborted || !event) return;
    const same = shown.id === id;
    const top = same ? preview.scrollTop : 0;
    shown = { id, state: rowOf(id)?.dataset.state ?? "" };
    preview.replaceChildren(event);
    preview.scrollTop = top;
  } catch (error) {
    if (error.name === "AbortError") return;
    preview.textContent = "The event could not be read. Choose it again in a moment.";
  }
}

function look(row) {
  if (!wide.matches || !row) return;
  for (const old of desk.querySelectorAll("[data-here]")) if (old !== row) delete old.dataset.here;
  row.dataset.here = "";
  clearTimeout(timer);
  if (row.dataset.event !== shown.id) timer = setTimeout(read, 100, row.dataset.event); // a key that is held down asks once
}

const picks = () => [...desk.querySelectorAll("[data-pick]:checked")].map((box) => box.value);

function showPicks() {
  const bar = document.querySelector("[data-picked]");
  if (!bar) return;
  const ids = picks();
  bar.hidden = !ids.length;
  bar.querySelector("[data-picked-count]").textContent = ids.length;
  bar.querySelector("[data-replay-picked]").dataset.ids = JSON.stringify(ids);
}

function clearPicks() {
  for (const box of desk.querySelectorAll("[data-pick]:checked")) box.checked = false;
  showPicks();
}

desk.addEventListener("daybook:row", (event) => look(event.target));
desk.addEventListener("click", (event) => {
  const row = event.target.closest("[data-row]");
  const link = event.target.closest("a");
  if (!row || !wide.matches || event.target.closest("label, input, button")) return;
  // Enter on a link opens the event; so does a click with a key held down. A plain click looks at it here.
  if (link && (link.dataset.look === undefined || event.detail === 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)) return;
  event.preventDefault();
  look(row);
});
desk.addEventListener("dblclick", (event) => {
  const row = event.target.closest("[data-row]");
  if (row && !event.target.closest("label, input, a:not([data-look])")) location.assign(`/events/${row.dataset.event}`);
});
document.addEventListener("change", (event) => event.target.matches("[data-pick]") && showPicks());
document.addEventListener("click", (event) => event.target.closest("[data-picked-clear]") && clearPicks());

// After the page has grown: what is looked at is read again where it changed, and picked rows that went are forgotten.
function follow() {
  showPicks();
  const row = shown.id && rowOf(shown.id);
  if (row && row.dataset.state !== shown.state) read(shown.id);
}
document.querySelector("[data-stream]")?.addEventListener("daybook:grown", follow);
document.addEventListener("daybook:done", (event) => {
  if (event.detail?.count) clearPicks();
  follow();
  if (shown.id) read(shown.id);
});
wide.addEventListener("change", () => look(desk.querySelector("[data-here]") ?? desk.querySelector("[data-row]")));
look(desk.querySelector("[data-row]"));
