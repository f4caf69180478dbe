// Opens the page once the chat is ready. A page that reloads itself every few seconds would interrupt a screen reader.
const EVERY = 1500; // milliseconds

async function look() {
  const ready = await fetch("/readyz").then((answer) => answer.ok).catch(() => false);
  if (ready) location.replace(location.href);
  else setTimeout(look, EVERY);
}

setTimeout(look, EVERY);
