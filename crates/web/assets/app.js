// The only script written by hand. Every page works without it; it adds what HTML alone cannot say.
//
// What a template can ask for:
//   data-focus-after-swap          takes the focus once htmx has swapped it in
//   data-ends="2026-11-23T12:15:00Z" a countdown: its text becomes "47 minutes left", the title "(47 min) ..."; 10, 2 and 0 minutes are announced
//   button[data-pause-live][hidden] stops and resumes the parts that update by themselves
//   a[data-live-behind][hidden]    shows that such a part was left as it is: paused, or somebody is writing in it
//   button[data-copy="ID"][hidden]  copies the text of the element with that id
//   form[data-submit-now]           is sent at once: a way through that needs a POST, with its button for those without scripts
//   data-search                    gets the focus by "/", unless <body data-shortcuts="off">
import { initAll } from './govuk-frontend.min.js';

document.body.classList.add('js-enabled', 'govuk-frontend-supported');
initAll();

const voice = document.createElement('div');
voice.className = 'govuk-visually-hidden';
voice.setAttribute('aria-live', 'polite');
voice.setAttribute('aria-label', 'Announcements');
voice.setAttribute('role', 'status');
(document.querySelector('main') ?? document.body).append(voice);

function announce(text) {
  voice.textContent = text;
}

document.addEventListener('htmx:after:swap', (event) => {
  event.target?.querySelector?.('[data-focus-after-swap]')?.focus();
});

const MINUTES_ANNOUNCED = [10, 2, 0];
const title = document.title;
const announced = new Set();

function count(n, unit) {
  if (n === 0) return '';
  return n === 1 ? `1 ${unit}` : `${n} ${unit}s`;
}

function left(minutes) {
  if (minutes <= 0) return 'ended';
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  const parts = [count(hours, 'hour'), count(rest, 'minute')].filter(Boolean);
  return `${parts.join(' ')} left`;
}

function tick() {
  const minutesLeft = [];
  for (const element of document.querySelectorAll('[data-ends]')) {
    const ends = Date.parse(element.dataset.ends);
    if (Number.isNaN(ends)) continue;
    const minutes = Math.max(0, Math.ceil((ends - Date.now()) / 60_000));
    const text = left(minutes);
    if (element.textContent !== text) element.textContent = text;
    minutesLeft.push(minutes);
    const key = `${element.dataset.ends} ${minutes}`;
    if (MINUTES_ANNOUNCED.includes(minutes) && !announced.has(key)) {
      announced.add(key);
      announce(`Extra access: ${text}`);
    }
  }
  const running = minutesLeft.filter((minutes) => minutes > 0);
  document.title = running.length ? `(${Math.min(...running)} min) ${title}` : title;
}

tick();
setInterval(tick, 5_000);

let paused = false;
for (const button of document.querySelectorAll('[data-pause-live]')) {
  button.hidden = false;
  button.addEventListener('click', () => {
    paused = !paused;
    button.textContent = paused ? 'Resume live updates' : 'Pause live updates';
    announce(paused ? 'Live updates paused' : 'Live updates resumed');
  });
}
// Whether somebody is in the middle of something in a part: what is half written must not be swept away.
function isBusy(part) {
  const fields = [...part.querySelectorAll('textarea, input:not([type="hidden"]):not([type="checkbox"]):not([type="radio"])')];
  return (
    fields.some((field) => field.value !== field.defaultValue || field === document.activeElement) ||
    part.querySelector('details[open] form') !== null
  );
}

let announcedUpdateAt = -Infinity;
document.addEventListener('htmx:sse:before:message', (event) => {
  const message = event.detail?.message;
  if (message?.event) return;
  if (paused || isBusy(event.target)) {
    event.preventDefault();
    for (const behind of document.querySelectorAll('[data-live-behind]')) behind.hidden = false;
  }
});
document.addEventListener('htmx:sse:after:message', (event) => {
  if (event.detail?.message?.event) return;
  tick();
  if (performance.now() - announcedUpdateAt < 10_000) return;
  announcedUpdateAt = performance.now();
  announce('This page was updated');
});

for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = !navigator.clipboard;
  button.addEventListener('click', async () => {
    const source = document.getElementById(button.dataset.copy);
    if (!source) return;
    await navigator.clipboard.writeText(source.textContent.trim());
    announce('Copied');
  });
}

document.querySelector('form[data-submit-now]')?.requestSubmit();

const FIELDS = 'input, select, textarea, [contenteditable]';
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.body.dataset.shortcuts === 'off' || event.target.closest?.(FIELDS)) return;
  const search = document.querySelector('[data-search]');
  if (!search) return;
  event.preventDefault();
  search.focus();
});
