// Open pages follow what others do, without a reload and without sweeping away what somebody writes.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { isSound, launch, open, portal } from './harness.mjs';
import { contextOf } from './persons.mjs';
import { MAKER, OWNER, SECURITY, as, ask, grant } from './api.mjs';

let browser;

before(async () => {
  browser = await launch();
});

after(() => browser?.close());

async function at(account, path) {
  const page = await open(await contextOf(browser, account));
  const following = page.waitForResponse((response) => response.url().includes('/live/'));
  await page.goto(`${portal}${path}`);
  await following;
  await page.evaluate(() => (window.neverReloaded = true));
  return page;
}

async function consent(account, number) {
  const { digest } = await as(account, 'GET', `/requests/${number}`);
  await as(account, 'POST', `/requests/${number}/approve`, { digest, comment: `Agreed by ${account}.` });
}

test('a consent appears on the open page of whoever asked', async () => {
  const number = await ask('ledgerly.match-invoices');
  const page = await at(MAKER, `/requests/${number}`);
  await consent(OWNER, number);
  await page.getByText(`Agreed by ${OWNER}.`).first().waitFor();
  await consent(SECURITY, number);
  await page.getByRole('button', { name: 'Use your access' }).waitFor();
  assert.equal(await page.evaluate(() => window.neverReloaded), true);
  await isSound(page, 'live-request', 'light');
});

test('a live grant and the security overview follow its end', async () => {
  const number = await grant(await ask('ledgerly.match-invoices'));
  const holder = await at(MAKER, `/grants/${number}`);
  const security = await at(SECURITY, '/security');
  await as(SECURITY, 'POST', `/grants/${number}/hold`, { comment: 'What is this?' });
  await holder.getByText(/^On hold/).first().waitFor();
  await security.getByRole('link', { name: `Look at ${number}`, exact: true }).waitFor();

  const writing = await at(SECURITY, `/grants/${number}`);
  await writing.getByText('End it now').click();
  await writing.locator('#end-comment').fill('Half a sentence');
  await as(SECURITY, 'POST', `/grants/${number}/revoke`, { comment: 'It is over.' });
  await writing.getByText('There is something new').waitFor();
  assert.equal(await writing.locator('#end-comment').inputValue(), 'Half a sentence');
  await holder.getByRole('heading', { name: 'What was taken back' }).waitFor();
  for (const page of [holder, security, writing]) {
    assert.equal(await page.evaluate(() => window.neverReloaded), true);
  }
  await isSound(holder, 'live-grant', 'light');
  await isSound(security, 'live-security', 'light');
  await isSound(writing, 'live-writing', 'light');
});
