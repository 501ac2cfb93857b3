// What the pages of the staff do beyond their forms: keys for the worklist, and a word when a page has grown old.
// Everything can be done without it.
"use strict";

(() => {
  const MINUTE = 60_000;
  const OFF = "keys-off";
  const loaded = Date.now();
  const age = document.querySelector("[data-age]");
  const rows = [...document.querySelectorAll("[data-row]")];
  const keys = document.getElementById("keys");

  function showAge() {
    if (age && Date.now() - loaded >= Number(age.dataset.age) * MINUTE) age.hidden = false;
  }
  setInterval(showAge, MINUTE / 2);
  document.addEventListener("visibilitychange", showAge);
  window.addEventListener("pageshow", showAge);

  const problem = document.querySelector(".problem[tabindex]");
  if (problem) problem.focus();

  const areOff = () => localStorage.getItem(OFF) === "yes";
  const isTyping = (element) => element.matches("input:not([type=checkbox], [type=radio]), textarea, select");
  const here = () => rows.find((row) => row.contains(document.activeElement));
  const linkOf = (row) => row.querySelector("th a");
  const boxOf = (row) => row.querySelector("input[type=checkbox]");

  function move(step) {
    const at = rows.indexOf(here());
    const next = rows[at < 0 ? 0 : at + step];
    if (!next) return;
    linkOf(next).focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  function acknowledge() {
    const form = document.querySelector("form[data-keys]");
    const button = form?.querySelector("button[value=acknowledge]");
    const row = here();
    if (!button) return;
    if (row && !form.querySelector("[name=flag]:checked")) boxOf(row).checked = true;
    if (form.querySelector("[name=flag]:checked")) form.requestSubmit(button);
  }

  function follow(relation, step) {
    if (rows.length) return move(step);
    document.querySelector(`a[rel=${relation}]`)?.click();
  }

  const actions = {
    j: () => follow("next", 1),
    k: () => follow("prev", -1),
    ArrowDown: () => here() && move(1),
    ArrowUp: () => here() && move(-1),
    o: () => here() && linkOf(here()).click(),
    x: () => here() && boxOf(here())?.click(),
    a: acknowledge,
    "/": () => document.getElementById("patient")?.focus(),
    "?": () => keys?.showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || keys?.open) return;
    const action = actions[event.key];
    if (!action || (areOff() && event.key !== "?")) return;
    if (event.key.startsWith("Arrow") && !here()) return;
    event.preventDefault();
    action();
  });

  const button = keys?.querySelector("[data-keys-switch]");
  if (button) {
    const name = () => (button.textContent = areOff() ? "Switch the keys on" : "Switch the keys off");
    button.addEventListener("click", () => {
      localStorage.setItem(OFF, areOff() ? "no" : "yes");
      name();
    });
    name();
    for (const hint of document.querySelectorAll(".keys")) hint.hidden = false;
  }
})();
