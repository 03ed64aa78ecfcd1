// What htmx does not do by itself: listening to the server, keeping what is open as it is, and saying what changed to those
// who do not see it.
"use strict";
(() => {
  const body = document.body;
  const say = (id, text) => {
    const place = document.getElementById(id);
    if (place && text && place.textContent !== text) place.textContent = text;
  };

  // The whole page is exchanged after a change, and with it the place where this is said.
  let status = "";
  const connected = (text) => say("live-status", status = text);

  if (document.getElementById("live") && "EventSource" in window) {
    const source = new EventSource(body.dataset.events);
    let lost;
    source.onopen = () => {
      clearTimeout(lost);
      lost = undefined;
      connected("live");
    };
    // Answers end now and then and are asked for again, which is not worth a word.
    source.onerror = () => { lost ??= setTimeout(() => connected("updated every 15 s"), 5000); };
    source.addEventListener("changed", () => htmx.trigger(body, "changed"));
    addEventListener("pagehide", () => source.close());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) htmx.trigger(body, "changed"); });
  }

  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
  });

  // A refresh waits while nobody looks, and while somebody selects or types.
  body.addEventListener("htmx:beforeRequest", (event) => {
    const live = event.target;
    if (live.id !== "live") return;
    const selection = getSelection();
    const selects = selection && !selection.isCollapsed && live.contains(selection.anchorNode);
    const types = live.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
    if (document.hidden || selects || types) event.preventDefault();
  });

  // One that fails leaves what is shown.
  let open = [];
  body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.requestConfig.elt.id === "live" && event.detail.isError) {
      event.detail.shouldSwap = false;
      connected("the server does not answer; trying again");
    }
    open = [...document.querySelectorAll("details[open][id]")].map((details) => details.id);
  });

  body.addEventListener("htmx:afterSwap", (event) => {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (event.detail.requestConfig.elt.id === "live") return;
    say("live-status", status);
    say("said", document.querySelector("#main .notice")?.textContent);
    if (document.activeElement === body) document.getElementById("main")?.focus();
  });
})();
