// The desk's one script. Every page works without it.
"use strict";

// An element with data-live is drawn anew from what the server sends: <section data-live="/desk/issues/7/live">. One with
// data-anew besides wants the whole page anew once the server has nothing more to say. What tells that nothing comes any
// more, for the server refuses or the sign-in ended, says so with the words of its data-lost.
for (const live of document.querySelectorAll("[data-live]")) {
  let events = null, isOver = false;
  function watch() {
    events = new EventSource(live.dataset.live);
    events.addEventListener("drawn", (event) => { live.innerHTML = event.data; });
    events.addEventListener("done", () => {
      leave();
      isOver = true;
      // A page that answered a button would be asked to press it again by a reload.
      if ("anew" in live.dataset) location.replace(location.href);
    });
    // While it is only interrupted the browser tries again by itself.
    events.addEventListener("error", () => {
      if (events?.readyState !== EventSource.CLOSED) return;
      isOver = true;
      for (const lost of document.querySelectorAll("[data-lost]")) lost.textContent = lost.dataset.lost;
    });
  }
  function leave() {
    events?.close();
    events = null;
  }
  // Nobody sees a page that is hidden, and others wait for its place.
  function follow() {
    if (document.hidden) leave();
    else if (!events && !isOver) watch();
  }
  document.addEventListener("visibilitychange", follow);
  follow();
}

// The mail beside a form with data-preview follows as one types: <form data-preview="/desk/write/preview">.
for (const form of document.querySelectorAll("form[data-preview]")) {
  const place = document.getElementById("preview");
  let timer, asked = 0;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(draw, 400);
  });
  async function draw() {
    const mine = ++asked;
    const body = new URLSearchParams(new FormData(form));
    // Whoever is led elsewhere finds no preview there.
    const answer = await fetch(form.dataset.preview, { method: "POST", body, redirect: "manual" }).catch(() => null);
    if (mine !== asked) return;
    if (answer?.status === 401) {
      sayThatItEnded();
      return;
    }
    if (!answer || !answer.ok) return;
    const html = await answer.text();
    if (mine !== asked) return;
    const isOpen = place.querySelector("details")?.open;
    place.innerHTML = html;
    if (isOpen && place.querySelector("details")) place.querySelector("details").open = true;
  }
  // What was typed stays in the form beside it.
  function sayThatItEnded() {
    const words = document.createElement("p");
    words.className = "blank";
    words.setAttribute("role", "alert");
    words.textContent = "You are signed out. Copy what you wrote before you sign in again.";
    place.replaceChildren(words);
  }
}
