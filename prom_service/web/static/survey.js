// Makes the pages handier: a line to touch, a way to clear an answer, each answer saved as it is given, the fault in view.
// Without it everything works too.
"use strict";

function announceChange(question) {
  question.dispatchEvent(new Event("change", { bubbles: true }));
}

function prepareLine(question) {
  const drawn = question.querySelector("[data-drawn]");
  const track = question.querySelector("[data-track]");
  const range = track.querySelector("input");
  const number = question.querySelector("[data-number]");
  const tool = question.querySelector("[data-with]");
  const clear = question.querySelector("[data-clear]");
  const notApplicable = question.querySelector("[data-na]");

  function mark(value) {
    const set = value !== null;
    if (set) range.value = value;
    range.classList.toggle("unset", !set);
    range.setAttribute("aria-valuetext", set ? spoken(value) : range.dataset.unanswered);
    clear.hidden = !set;
  }

  function spoken(value) {
    if (value === 0) return `0, ${range.dataset.low}`;
    return value === 100 ? `100, ${range.dataset.high}` : String(value);
  }

  function answer(value) {
    number.value = value === null ? "" : value;
    tool.value = "line";
    if (notApplicable && value !== null) notApplicable.checked = false;
    mark(value);
  }

  function place(event) {
    const box = range.getBoundingClientRect();
    const thumb = 32;
    const share = (event.clientX - box.left - thumb / 2) / (box.width - thumb);
    const fromStart = getComputedStyle(range).direction === "rtl" ? 1 - share : share;
    answer(Math.min(100, Math.max(0, Math.round(fromStart * 100))));
  }

  track.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    track.setPointerCapture(event.pointerId);
    if (event.pointerType === "mouse") event.preventDefault();
    range.focus({ preventScroll: true });
    place(event);
  });
  track.addEventListener("pointermove", (event) => {
    if (track.hasPointerCapture(event.pointerId)) place(event);
  });
  track.addEventListener("lostpointercapture", () => announceChange(question));
  range.addEventListener("input", () => answer(Number(range.value)));
  range.addEventListener("keydown", (event) => {
    const step = { PageUp: 10, PageDown: -10 }[event.key];
    if (step) {
      event.preventDefault();
      answer(Math.min(100, Math.max(0, Number(range.value) + step)));
      announceChange(question);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      answer(null);
      announceChange(question);
    }
  });
  number.addEventListener("input", () => {
    const typed = number.value.trim();
    const valid = /^[0-9]{1,3}$/.test(typed) && Number(typed) <= 100;
    tool.value = "number";
    if (typed && notApplicable) notApplicable.checked = false;
    mark(valid ? Number(typed) : null);
  });
  clear.addEventListener("click", () => { answer(null); range.focus(); announceChange(question); });
  if (notApplicable) notApplicable.addEventListener("change", () => { if (notApplicable.checked) answer(null); });

  drawn.hidden = false;
  question.querySelector("[data-ends]").classList.add("unseen");  // The line shows its ends.
  mark(number.value === "" ? null : Number(number.value));
}

function prepareClearing(question) {
  const clear = question.querySelector("[data-clear]");
  const radios = question.querySelectorAll("input[type=radio]");
  if (!clear || !radios.length) return;
  const show = () => { clear.hidden = ![...radios].some((radio) => radio.checked); };
  question.addEventListener("change", show);
  clear.addEventListener("click", () => {
    radios.forEach((radio) => { radio.checked = false; });
    radios[0].focus();
    announceChange(question);
  });
  show();
}

// Sends each answer when it is given, one request at a time. What could not be sent goes when the connection is back, with
// the next answer, after a pause, and with the page in any case; offline the page stays, with all that is on it. Beside a
// field stand all answers it has held: the server may have any of them.
const FIRST_PAUSE = 3000;
const LONGEST_PAUSE = 60000;

function prepareSaving(status) {
  const form = status.closest("form");
  const advice = form.querySelector("[data-advice]");
  const waiting = new Set();
  let sending = false;
  let pause = FIRST_PAUSE;
  let retry = null;

  function pack(names) {
    const body = new URLSearchParams({ go: "save" });
    for (const [key, value] of new FormData(form)) {
      if (names.some((name) => [name, `${name}.was`, `${name}.with`].includes(key))) body.append(key, value);
    }
    return body;
  }

  function rememberAsHeld(name, body) {
    const value = body.getAll(name).find(Boolean) || "";
    if (body.getAll(`${name}.was`).includes(value)) return;
    const held = document.createElement("input");
    Object.assign(held, { type: "hidden", name: `${name}.was`, value });
    form.append(held);
  }

  async function send() {
    if (sending || !waiting.size) return;
    clearTimeout(retry);
    sending = true;
    const names = [...waiting];
    const body = pack(names);
    waiting.clear();
    names.forEach((name) => rememberAsHeld(name, body));
    try {
      const answer = await fetch(`${location.pathname}/save`, { method: "POST", body, redirect: "error", keepalive: true });
      if (!answer.ok) throw answer;
      say((await answer.json()).advice);
      status.textContent = status.dataset.saved;
      pause = FIRST_PAUSE;
    } catch (reason) {
      names.forEach((name) => waiting.add(name));
      sayUnsaved();
      const refused = reason.status < 500;  // The same again would be refused again.
      if (!refused) sendAfterAPause();
      return;
    } finally {
      sending = false;
    }
    send();
  }

  function sendAfterAPause() {
    retry = setTimeout(send, pause);
    pause = Math.min(2 * pause, LONGEST_PAUSE);
  }

  function sayUnsaved() {
    status.textContent = navigator.onLine ? status.dataset.unsaved : status.dataset.offline;
  }

  function say(text) {
    advice.hidden = !text;
    advice.textContent = text;
  }

  form.addEventListener("change", (event) => {
    const question = event.target.closest(".question");
    const field = question.querySelector("[name]:not([type=hidden])");
    waiting.add(field.name);
    status.textContent = "";
    send();
  });
  window.addEventListener("online", () => {
    pause = FIRST_PAUSE;
    send();
  });
}

// Offline no step leads off the page: the browser would show an error in its place. It calls itself offline also where
// there is no network but the server is on the same machine; so the server is asked.
const SCRIPT = document.currentScript.src;

function prepareStaying(status) {
  let reached = false;

  async function stay(event, goOn) {
    if (navigator.onLine || reached) return;
    event.preventDefault();
    try {
      await fetch(SCRIPT, { method: "HEAD", cache: "no-store" });
    } catch {
      status.textContent = status.dataset.offline;
      status.scrollIntoView({ block: "nearest" });
      return;
    }
    reached = true;
    goOn();
    reached = false;
  }

  document.addEventListener("submit", (event) => stay(event, () => event.target.requestSubmit(event.submitter)));
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="/"]');
    if (link) stay(event, () => link.click());
  });
  window.addEventListener("online", () => { status.textContent = ""; });
}

document.querySelectorAll("[data-offline]").forEach(prepareStaying);
document.querySelectorAll("[data-line]").forEach(prepareLine);
document.querySelectorAll("[data-saving]").forEach(prepareSaving);
document.querySelectorAll("fieldset:not([data-line])").forEach(prepareClearing);
const faults = document.querySelector(".faults");
if (faults) faults.focus();
