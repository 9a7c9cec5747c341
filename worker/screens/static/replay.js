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
const PAUSE_MS = 1500; // before more are handed over, where there was no room

const dialog = document.getElementById("replay");
const part = (name) => dialog.querySelector(`[data-replay-${name}]`);
let asked = null; // what is being shown: answers that come after it was closed are dropped

const plural = (count, capped) => `${count.toLocaleString("en")}${capped ? " or more" : ""} ${count === 1 && !capped ? "event" : "events"}`;

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

function row(change) {
  const node = document.createElement("div");
  const values = text("div", "diff-values", "");
  const arrow = text("span", "", "→");
  arrow.setAttribute("aria-hidden", "true");
  values.append(text("span", "diff-from", worded(change.from)), text("span", "unseen", " becomes "), arrow, text("span", "diff-to", worded(change.to)));
  node.append(text("div", "diff-field", change.field.replaceAll("_", " ")), values);
  return node;
}

// A new order is told by its parts: {"title": .., "amount": ..}.
const created = (change) => Object.entries(change.to).map(([field, to]) => row({ field, from: null, to }));

function showChanges(changes, left = []) {
  const list = part("changes");
  list.replaceChildren();
  let order = "";
  for (const change of changes.slice(0, SHOWN)) {
    if (change.created) list.append(text("h3", "", "A new order"), ...created(change));
    else {
      if (change.order_id !== order) list.append(text("h3", "", `Order #${change.number ?? change.order_id}`));
      list.append(row(change));
    }
    order = change.order_id;
  }
  if (changes.length > SHOWN) list.append(text("p", "soft", `And ${(changes.length - SHOWN).toLocaleString("en")} more changes.`));
  if (left.length) list.append(text("h3", "", "Not applied by it"));
  for (const one of left.slice(0, SHOWN)) {
    const link = text("a", "link mono", one.event_id);
    link.href = `/events/${one.event_id}`;
    const item = text("p", "", `${one.state}: ${one.reason ?? "no reason was noted"} `);
    item.append(link);
    list.append(item);
  }
}

function showStates(states) {
  part("states").replaceChildren(...Object.entries(states ?? {}).map(([state, count]) => {
    const item = document.createElement("li");
    item.append(text("span", `badge is-${state}`, `${count.toLocaleString("en")} ${state}`));
    return item;
  }));
}

function showAnswer({ count, capped, skipped = 0, by_state, examined, changes, not_applied: left = [] }) {
  const words = [count ? `${plural(count, capped)} would be applied again.` : "No event would be applied again."];
  if (skipped) words.push(`${plural(skipped)} on the way already.`);
  if (count && examined < count) words.push(`What follows is of the newest ${examined.toLocaleString("en")}.`);
  if (count) words.push(changes.length ? "This would change:" : "No order would change.");
  part("words").textContent = words.join(" ");
  showStates(by_state);
  showChanges(changes, left);
  part("go").disabled = !count;
  part("go").textContent = count > 1 || capped ? `Replay ${plural(count, capped)}` : "Replay";
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

// Shows what `dry` answers; `wishes` are the bodies of the requests that do it, one after the other.
async function show(title, dry, wishes) {
  const mine = (asked = { wishes, count: 0 });
  begin(title);
  try {
    const answer = await dry(mine);
    if (asked !== mine) return;
    mine.count = answer.count;
    showAnswer(answer);
  } catch (error) {
    if (asked === mine) showWrong(error);
  }
}

// What the dry runs of several requests come to; only of the first is it said what would change.
async function dryParts(wishes) {
  let sum = null;
  for (const wish of wishes) {
    const answer = await call("POST", MANY, { ...wish, dry_run: true, ...(sum && { examine: 0 }) });
    sum ??= { ...answer, count: 0, skipped: 0, by_state: {} };
    sum.count += answer.count;
    sum.skipped += answer.skipped;
    sum.capped ||= answer.capped;
    for (const [state, count] of Object.entries(answer.by_state)) sum.by_state[state] = (sum.by_state[state] ?? 0) + count;
  }
  return sum ?? { count: 0, by_state: {}, examined: 0, changes: [] };
}

function ofIds(title, ids) {
  return show(title, async (mine) => dryParts((mine.wishes = parts(await ids).map((some) => ({ ids: some })))), []);
}

function ofAll(filter) {
  if (filter.reason) return ofIds("Replay all with this cause", idsOf(filter));
  return show("Replay all that match", () => dryParts([filter]), [filter]);
}

function ofOne(id) {
  return show("What a replay would change", () => call("POST", `/api/v1/events/${id}/replay`, { dry_run: true }), [{ ids: [id] }]);
}

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

// Hands over what was asked for, as fast as there is room for it; closing the dialog ends it where it is.
async function handOver(mine, tell) {
  let done = 0;
  for (const wish of mine.wishes) {
    let cursor = null;
    do {
      const answer = await call("POST", MANY, { ...wish, ...(cursor && { cursor }) });
      cursor = answer.next_cursor;
      done += answer.count;
      tell(done);
      if (cursor && !answer.count) await pause();
    } while (cursor && asked === mine);
    if (asked !== mine) break;
  }
  return done;
}

async function go() {
  const mine = asked;
  const bar = part("progress");
  bar.className = "";
  bar.max = mine.count;
  part("go").disabled = true;
  try {
    const done = await handOver(mine, (count) => {
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
  else if (replayPicked !== undefined) ofIds("Replay the selected events", JSON.parse(ids));
  else if (button.dataset.replayGo !== undefined) go();
  else if (button.dataset.replayClose !== undefined) dialog.close();
});
dialog?.addEventListener("close", () => (asked = null));
