// Every page, as every kind of person who sees it, in every way of looking at it.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { VARIANTS, context, isSound, launch, open, portal } from './harness.mjs';
import { contextOf } from './persons.mjs';
import { AUDITOR, EDIT_FLOW, MAKER, OWNER, PLANNER, SECURITY, ask, deny, giveBack, grant } from './api.mjs';

// Written by somebody who wants more than an answer: markup, a script, and a mark that turns the reading direction round.
const HOSTILE = '<img src=x onerror=alert(1)><script>alert(2)</script>"\'> \u202Egnp.eciovni\u202C and a long word: ' + 'x'.repeat(120);

let browser;
const seen = {};

before(async () => {
  browser = await launch();
  seen.denied = await ask('ledgerly.remind-suppliers');
  await deny(seen.denied);
  seen.ended = await grant(await ask('ledgerly.match-invoices'));
  await giveBack(seen.ended);
  seen.live = await grant(await ask('ledgerly.match-invoices'));
  seen.waiting = await ask('ledgerly.remind-suppliers', { change: HOSTILE });
});

after(() => browser?.close());

// Name, who looks (nobody: not signed in), and where.
const PAGES = [
  ['sign-in', null, () => '/sign-in'],
  ['home-maker', MAKER, () => '/'],
  ['home-approver', OWNER, () => '/'],
  ['home-calm', AUDITOR, () => '/'],
  ['catalog', MAKER, () => '/catalog'],
  ['catalog-empty', MAKER, () => '/catalog?q=nothing-is-called-this'],
  ['privilege', MAKER, () => `/catalog/${EDIT_FLOW}`],
  ['privilege-missing', PLANNER, () => '/catalog/ledgerly-export-suppliers'],
  ['ask', MAKER, () => `/requests/new?privilege=${EDIT_FLOW}`],
  ['requests', MAKER, () => '/requests'],
  ['request-waiting', MAKER, () => `/requests/${seen.waiting}`],
  ['request-edit', MAKER, () => `/requests/${seen.waiting}/edit`],
  ['request-denied', MAKER, () => `/requests/${seen.denied}`],
  ['request-hostile', OWNER, () => `/requests/${seen.waiting}`],
  ['decide', OWNER, () => `/requests/${seen.waiting}/decide`],
  ['approvals', SECURITY, () => '/approvals'],
  ['grants', MAKER, () => '/grants'],
  ['grant-live', MAKER, () => `/grants/${seen.live}`],
  ['grant-ended', MAKER, () => `/grants/${seen.ended}`],
  ['grant-watched', SECURITY, () => `/grants/${seen.live}`],
  ['reviews', OWNER, () => '/reviews'],
  ['security', SECURITY, () => '/security'],
  ['evidence', AUDITOR, () => '/evidence'],
  ['evidence-empty', AUDITOR, () => '/evidence?words=nothing-was-called-this'],
  ['entry', AUDITOR, () => '/evidence/1'],
];

for (const [name, account, where] of PAGES) {
  for (const variant of Object.keys(VARIANTS)) {
    test(`${name}, ${variant}`, async () => {
      const place = account ? await contextOf(browser, account, variant) : await context(browser, variant);
      const page = await open(place);
      page.on('dialog', (dialog) => page.complaints.push(`a dialog: ${dialog.message()}`));
      const response = await page.goto(portal + where());
      assert.equal(response.status(), 200, `${where()} answers 200`);
      await isSound(page, name, variant);
      await place.close();
    });
  }
}

test('what a person typed is shown as text, and cannot turn the words around it', async () => {
  const place = await contextOf(browser, OWNER);
  const page = await open(place);
  await page.goto(`${portal}/requests/${seen.waiting}/decide`);
  const said = page.locator('.app-said', { hasText: '<script>alert(2)</script>' });
  assert.equal(await said.count(), 1, 'the markup is there to read');
  const whole = await page.locator('body').innerText();
  assert.doesNotMatch(whole, /[\u202A-\u202E\u2066-\u2069]/u, 'no mark of direction is left');
  assert.equal(await page.locator('img[src="x"]').count(), 0);
  await place.close();
});

test('whoever is not signed in is sent to sign in, and comes back to where they were', async () => {
  const place = await context(browser);
  const page = await open(place);
  await page.goto(`${portal}/evidence?words=flow`);
  assert.equal(new URL(page.url()).pathname, '/sign-in');
  await page.locator(`input[name="account"][value="${AUDITOR}"]`).check();
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(`${portal}/evidence?words=flow`);
  await place.close();
});

test('a page that is not there, or not theirs to see, says the same', async () => {
  const place = await contextOf(browser, PLANNER);
  const page = await open(place);
  const absent = await page.goto(`${portal}/requests/R-999999`);
  const absentWords = await page.locator('main').innerText();
  const hidden = await page.goto(`${portal}/requests/${seen.waiting}`);
  assert.equal(absent.status(), 404);
  assert.equal(hidden.status(), 404);
  assert.equal(await page.locator('main').innerText(), absentWords);
  await place.close();
});

test('by keyboard alone: skip to the content, choose a time, hear what it means', async () => {
  const place = await contextOf(browser, MAKER);
  const page = await open(place);
  await page.goto(`${portal}/requests/new?privilege=${EDIT_FLOW}`);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to main content');
  await page.keyboard.press('Enter');
  const focused = () => page.evaluate(() => document.activeElement.name);
  for (let step = 0; step < 40 && (await focused()) !== 'seconds'; step += 1) await page.keyboard.press('Tab');
  assert.equal(await focused(), 'seconds', 'the durations can be reached');
  const answered = page.waitForResponse((response) => response.url().endsWith('/requests/check'));
  await page.keyboard.press('ArrowRight');
  assert.equal((await answered).status(), 200);
  await page.locator('#checks').getByText('must be fixed').waitFor();
  assert.equal(await focused(), 'seconds', 'the swap leaves the focus where it was');
  assert.equal(await page.locator('#checks').getAttribute('aria-live'), 'polite');
  assert.deepEqual(page.complaints, []);
  await place.close();
});

test('markup that somebody smuggled in cannot make the page fetch anything', async () => {
  const place = await contextOf(browser, MAKER);
  const page = await open(place);
  await page.goto(`${portal}/catalog`);
  const fetched = [];
  let arrived;
  const control = new Promise((resolve) => (arrived = resolve));
  await page.route('**/stolen*', (route) => {
    fetched.push(route.request().url());
    if (route.request().url().endsWith('control')) arrived();
    return route.abort();
  });
  const smuggle = (nonce) =>
    page.evaluate((nonce) => {
      const element = document.createElement('div');
      element.setAttribute('hx-get', nonce ? '/stolen?control' : '/stolen');
      element.setAttribute('hx-trigger', 'load');
      if (nonce) element.setAttribute('hx-nonce', document.querySelector('script[nonce]').nonce);
      document.querySelector('main').append(element);
      window.htmx.process(document.querySelector('main'));
    }, nonce);
  await smuggle(false);
  await smuggle(true);
  await control;
  assert.deepEqual(
    fetched.map((url) => new URL(url).search),
    ['?control'],
    'only the control, which carries the nonce, was fetched',
  );
  await place.close();
});
