// The desk's one script. Every page works without it.
"use strict";

// An element with data-live is drawn anew from what the server sends: <section data-live="/desk/issues/7/live">.
for (const live of document.querySelectorAll("[data-live]")) {
  const events = new EventSource(live.dataset.live);
  events.addEventListener("drawn", (event) => { live.innerHTML = event.data; });
  // The server has nothing more to say.
  events.addEventListener("done", () => events.close());
}
