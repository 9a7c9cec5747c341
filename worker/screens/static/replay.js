// Replay, after it was shown what that would do: of one event, of those that were picked, of all that match a filter.
//
//   <button data-replay-one="ID">           what would change, then replay
//   <button data-replay-all='{"state":..}'> the count first, then replay
//   <button data-replay-picked>             of the picked rows: see events.js, which names them in data-ids

import { call } from "./actions.js";
import { say } from "./controls.js";
import { refresh } from "./grow.js";

const MANY = "/api/v1/events/replay";
const AT_ONCE = 1000; // ids that one request takes
const LISTED = 10_000; // events that are looked up by their cause
const SHOWN = 200; // changes that are listed

const dialog = document.getElementById("replay");
const part = (name) => dialog.querySelector(`[data-replay-${name}]`);
let asked = null; // what is being shown: an object that later answers are compared with

const plural = (count, capped) => `${count.toLocaleString("en")}${capped ? " or more" : ""} ${count === 1 ? "event" : "events"}`;

// A cause is no filter of a replay: its events are looked up, newest first.
async function idsOf(filter) {
  const ids = [];
  let cursor = null;
  do {
    const query = new URLSearchParams({ ...filter, limit: 100, ...(cursor && { cursor }) });
    const page = await call("GET", `/api/v1/events?${query}`);
    ids.push(...page.items.map((event) => event.id));
    cursor = page.next_cursor;
  } while (cursor && ids.length < LISTED);
  return ids;
}

const parts = (ids) => Array.from({ length: Math.ceil(ids.length / AT_ONCE) }, (_, place) => ids.slice(place * AT_ONCE, (place + 1) * AT_ONCE));

function text(name, className, words) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.textContent = words;
  return node;
}

function worded(value) {
  if (value === null || value === undefined || value === "") return "—";
  const words = typeof value === "object" ? JSON.stringify(value) : String(value);
  return words.length > 160 ? `${words.slice(0, 159)}…` : words;
}

function showChanges(changes) {
  const list = part("changes");
  list.replaceChildren();
  let order = null;
  for (const change of changes.slice(0, SHOWN)) {
    if (change.order_id !== order) {
      order = change.order_id;
      const title = change.created ? "A new order" : change.number ? `Order #${change.number}` : "Order";
      list.append(text("h3", "", title));
    }
    const row = document.createElement("div");
    const values = text("div", "diff-values", "");
    values.append(text("span", "diff-from", worded(change.from)), text("span", "unseen", " becomes "), text("span", "", "→"), text("span", "diff-to", worded(change.to)));
    values.children[2].setAttribute("aria-hidden", "true");
    row.append(text("div", "diff-field", (change.field ?? "").replaceAll("_", " ")), values);
    list.append(row);
  }
  if (changes.length > SHOWN) list.append(text("p", "soft", `and ${changes.length - SHOWN} more changes`));
}

function showStates(states) {
  part("states").replaceChildren(...Object.entries(states ?? {}).map(([state, count]) => {
    const item = document.createElement("li");
    item.append(text("span", `badge is-${state}`, `${count.toLocaleString("en")} ${state}`));
    return item;
  }));
}

function showAnswer(answer) {
  const { count = 1, capped = false, changes = [], examined = count } = answer;
  const some = examined < count ? ` Looked at ${plural(examined)} of them.` : "";
  const what = changes.length ? "This would change:" : "No order would change: what they say is already known.";
  part("words").textContent = count ? `${plural(count, capped)} would be applied again.${some} ${what}` : "No event matches any more.";
  showStates(answer.by_state);
  showChanges(changes);
  part("go").disabled = !count;
  part("go").textContent = count > 1 ? `Replay ${plural(count, capped)}` : "Replay";
}

function showWrong(error) {
  part("words").textContent = error.status ? error.message : "Daybook does not answer. Nothing is known to have changed; try again.";
}

function begin(title) {
  dialog.querySelector("h2").textContent = title;
  part("words").textContent = "Looking at what would change…";
  showStates({});
  showChanges([]);
  part("progress").className = "unseen";
  part("go").disabled = true;
  part("go").textContent = "Replay";
  dialog.showModal();
}

// Shows what `dry` answers; `go` does it, and says how far it is.
async function show(title, dry, go) {
  const mine = (asked = { go });
  begin(title);
  try {
    const answer = await dry(mine);
    if (asked !== mine) return;
    mine.count = answer.count ?? 1;
    showAnswer(answer);
  } catch (error) {
    if (asked === mine) showWrong(error);
  }
}

const added = (sums, states = {}) => {
  for (const [state, count] of Object.entries(states)) sums[state] = (sums[state] ?? 0) + count;
};

async function dryIds(ids) {
  const sum = { count: 0, capped: ids.length >= LISTED, by_state: {}, changes: [], examined: 0 };
  for (const chunk of parts(ids)) {
    const answer = await call("POST", MANY, { ids: chunk, dry_run: true });
    sum.count += answer.count;
    sum.examined += answer.examined ?? answer.count;
    sum.changes.push(...(answer.changes ?? []));
    added(sum.by_state, answer.by_state);
  }
  return sum;
}

async function goIds(ids, progress) {
  let done = 0;
  for (const chunk of parts(ids)) {
    done += (await call("POST", MANY, { ids: chunk })).count;
    progress(done);
  }
  return done;
}

async function goFilter(filter, progress) {
  let done = 0;
  let answer;
  do {
    answer = await call("POST", MANY, filter);
    done += answer.count;
    progress(done);
  } while (answer.more && answer.count);
  return done;
}

function ofMany(title, ids) {
  return show(title, (mine) => dryIds((mine.ids = ids)), (mine, progress) => goIds(mine.ids, progress));
}

function ofAll(filter) {
  if (!filter.reason) return show("Replay all that match", () => call("POST", MANY, { ...filter, dry_run: true }), (_, progress) => goFilter(filter, progress));
  return show("Replay all with this cause", async (mine) => dryIds((mine.ids = await idsOf(filter))), (mine, progress) => goIds(mine.ids, progress));
}

function ofOne(id) {
  const path = `/api/v1/events/${id}/replay`;
  return show("What a replay would change", () => call("POST", path, { dry_run: true }), async () => (await call("POST", path), 1));
}

async function go() {
  const mine = asked;
  const bar = part("progress");
  bar.className = "";
  bar.max = mine.count;
  part("go").disabled = true;
  try {
    const done = await mine.go(mine, (count) => {
      bar.value = count;
      part("words").textContent = `${plural(count)} of ${mine.count.toLocaleString("en")} handed over.`;
    });
    dialog.close();
    await refresh();
    say(done === 1 ? "Replayed: it is applied again now." : `Replayed ${plural(done)}: they are applied again now.`);
    document.dispatchEvent(new CustomEvent("daybook:done", { detail: { count: done } }));
  } catch (error) {
    showWrong(error);
    part("go").disabled = false;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || !dialog) return;
  const { replayOne, replayAll, replayPicked, ids } = button.dataset;
  if (replayOne !== undefined) ofOne(replayOne);
  else if (replayAll !== undefined) ofAll(JSON.parse(replayAll));
  else if (replayPicked !== undefined) ofMany("Replay the selected events", JSON.parse(ids));
  else if (button.dataset.replayGo !== undefined) go();
  else if (button.dataset.replayClose !== undefined) dialog.close();
});
dialog?.addEventListener("close", () => (asked = null));
