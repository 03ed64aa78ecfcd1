// What htmx does not do by itself: listening to the server, and keeping what is open as it is.
"use strict";
(() => {
  const status = document.getElementById("live-status");
  const say = (text) => { if (status && status.textContent !== text) status.textContent = text; };

  const url = document.body.dataset.events;
  if (url && document.getElementById("live") && "EventSource" in window) {
    const source = new EventSource(url);
    source.onopen = () => say("live");
    source.onerror = () => say("updated every few seconds");
    source.addEventListener("changed", () => htmx.trigger(document.body, "changed"));
    window.addEventListener("pagehide", () => source.close());
  }

  // A refresh that fails leaves what is shown; one that comes while text is selected, typed or a list is open waits for the next.
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const live = event.target;
    if (live.id !== "live") return;
    const selection = window.getSelection();
    const selects = selection && !selection.isCollapsed && live.contains(selection.anchorNode);
    const types = live.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
    if (selects || types) event.preventDefault();
  });
  let open = [];
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.requestConfig.elt.id === "live" && event.detail.isError) {
      event.detail.shouldSwap = false;
      say("the server does not answer; trying again");
    }
    open = [...document.querySelectorAll("details[open][id]")].map((details) => details.id);
  });
  document.body.addEventListener("htmx:afterSwap", () => {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  });
})();
