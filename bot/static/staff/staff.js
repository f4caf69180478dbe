// The front desk's own script: keys, copying, and how far the work on an edition is. Everything works without it but
// these. Nothing is stored, and nothing is asked of anybody but our own server.

const box = document.querySelector("#text");
const spoken = document.querySelector("#spoken");
const picks = [...document.querySelectorAll(".pick")];

function typing(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

// --- copying ------------------------------------------------------------------------------------

function channel() {
  return document.querySelector("input[name=channel]:checked")?.value ?? "email";
}

// The text that a card stands for: an answer's own, or the reply as it has been edited.
function textOf(card) {
  const draft = card.querySelector(`.draft[data-channel=${channel()}] textarea`);
  return draft ? draft.value : (card.getAttribute(`data-${channel()}`) ?? "");
}

async function copy(card, withSources) {
  const sources = card.dataset.sources;
  let text = textOf(card);
  // A number in brackets means nothing to who has no list of sources.
  if (!withSources) text = text.replace(/[ \t]*\[\d+\](?:[ \t]*\[\d+\])*/g, "");
  else if (sources) text = `${text.trimEnd()}\n\n${sources}`;
  tell((await put(text)) ? (withSources ? spoken.dataset.with : spoken.dataset.copied) : spoken.dataset.not, card);
}

async function put(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without https browsers offer the old way only.
    const area = document.createElement("textarea");
    const before = document.activeElement;
    area.value = text;
    area.className = "unseen";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    before?.focus();
    return done;
  }
}

function tell(text, card) {
  spoken.textContent = "";
  requestAnimationFrame(() => (spoken.textContent = text));
  const shown = card.querySelector(".told") ?? card.querySelector(".copying").appendChild(document.createElement("span"));
  shown.className = "told meta";
  shown.setAttribute("aria-hidden", "true"); // said once, by the status
  shown.textContent = text;
  setTimeout(() => (shown.textContent = ""), 4000);
}

for (const card of picks) {
  card.querySelector("button.copy")?.addEventListener("click", () => copy(card, false));
  card.querySelector("button.copy-with")?.addEventListener("click", () => copy(card, true));
}

// --- keys ---------------------------------------------------------------------------------------

box?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    if (box.value.trim()) box.form.requestSubmit();
  }
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "/" && box && !typing(event.target)) {
    event.preventDefault();
    box.focus();
    box.select();
    return;
  }
  const at = picks.indexOf(event.target);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (at < 0) {
    if (event.key === "Escape" && typing(event.target)) (event.target.closest(".pick") ?? picks[0])?.focus();
  } else if (step) {
    event.preventDefault();
    picks[(at + step + picks.length) % picks.length].focus();
  } else if (event.key === "Enter") {
    event.preventDefault();
    copy(event.target, event.shiftKey);
  }
});

// --- the articles ---------------------------------------------------------------------------------

const files = document.querySelector("#files");

// Told before anything is sent; the server looks again.
files?.addEventListener("change", () => {
  const limits = files.dataset;
  const bytes = [...files.files].reduce((sum, file) => sum + file.size, 0);
  const many = files.files.length > Number(limits.mostFiles) && limits.filesTold.replace("{n}", files.files.length);
  const large = bytes > Number(limits.mostBytes) && limits.bytesTold.replace("{n}", Math.ceil(bytes / 1e6));
  files.setCustomValidity(many || large || "");
  files.reportValidity();
});

const work = document.querySelector("#progress");

let looks = 1800; // an hour of them; whoever comes back later looks again

async function follow() {
  try {
    const answer = await fetch(work.dataset.progress, { headers: { accept: "application/json" } });
    const told = answer.ok && !answer.redirected ? await answer.json() : { busy: false };
    if (!told.busy) location.replace(work.dataset.page);
    else if (work.textContent !== told.text) work.textContent = told.text;
  } catch {
    // The next look may find the server again.
  }
  if (--looks) setTimeout(follow, 2000);
}
if (work) setTimeout(follow, 1000);

// Twice the same form would be two changes.
for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
addEventListener("pageshow", () => document.querySelectorAll("form").forEach((form) => delete form.dataset.sent));
