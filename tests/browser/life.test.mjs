// The whole life of a grant, clicked through by three persons, each in a browser window of their own.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { isSound, launch, open, portal } from './harness.mjs';
import { contextOf } from './persons.mjs';
import { MAKER, OWNER, SECURITY } from './api.mjs';

const TITLE = 'Edit the flow';
const COMMENT = 'The test copy was checked; the change is small.';

let browser;
const windows = {};

before(async () => {
  browser = await launch();
  for (const account of [MAKER, OWNER, SECURITY]) {
    windows[account] = await open(await contextOf(browser, account));
  }
});

after(() => browser?.close());

function button(page, name) {
  return page.getByRole('button', { name });
}

async function asks(page) {
  await page.goto(portal);
  await button(page, 'Ask for access').click();
  await page.getByRole('link', { name: TITLE, exact: true }).first().click();
  await button(page, 'Ask for this').click();
  await page.getByRole('heading', { level: 1, name: `Ask for access: ${TITLE}` }).waitFor();

  const checks = page.locator('#checks');
  await page.getByLabel(/^Invoice matching/).check();
  await page.getByLabel('30 minutes', { exact: true }).check();
  await checks.getByText('must be fixed').waitFor();
  await page.getByLabel('What will you change?').fill('Map the renamed tax code field and book the 14 failed invoices.');
  await page.getByLabel('How did you test it?').fill('Ran the same change in the test flow: all 14 matched.');
  await page.getByLabel('Ticket or change number').fill('INC-20418');
  for (const control of await page.getByRole('group', { name: 'Please confirm' }).getByRole('checkbox').all()) {
    await control.check();
  }
  await checks.getByText('Ready to send.').waitFor();
  await isSound(page, 'life-ready-to-send', 'light');
  await button(page, 'Send for approval').click();
  await page.getByText('You can change or withdraw it until somebody decides.').waitFor();
  const number = new URL(page.url()).pathname.split('/').pop();
  assert.match(number, /^R-\d+$/);
  await isSound(page, 'life-sent', 'light');
  return number;
}

async function approves(page, number) {
  await page.goto(`${portal}/approvals`);
  await page.getByRole('link', { name: number }).click();
  if (!page.url().endsWith('/decide')) await button(page, 'Decide').click();
  await page.getByRole('heading', { name: 'If you approve' }).waitFor();
  await page.getByLabel('Comment').fill(COMMENT);
  await page.getByRole('button', { name: 'Approve', exact: true }).click();
  await page.getByText('Your consent is recorded.').waitFor();
}

test('a grant is asked for, agreed to, used, given back and proved by three persons', async () => {
  const [maker, owner, security] = [MAKER, OWNER, SECURITY].map((account) => windows[account]);
  const number = await asks(maker);

  await maker.goto(`${portal}/requests/${number}`);
  assert.equal(await button(maker, 'Decide').count(), 0, 'nobody decides on their own request');

  await approves(owner, number);
  await maker.goto(`${portal}/requests/${number}`);
  assert.equal(await button(maker, 'Use your access').count(), 0, 'one consent of two is not enough');

  await approves(security, number);
  await maker.goto(`${portal}/requests/${number}`);
  await maker.getByText(COMMENT).first().waitFor();
  await button(maker, 'Use your access').click();
  const grant = new URL(maker.url()).pathname.split('/').pop();
  assert.match(grant, /^G-\d+$/);
  await maker.locator('[data-ends]', { hasText: /minutes? left/ }).waitFor();
  assert.match(await maker.title(), /^\(\d+ min\) /, 'the title counts down');
  await isSound(maker, 'life-grant', 'light');

  await button(maker, 'Open Supplier desk').click();
  await maker.getByRole('heading', { level: 1, name: 'Supplier desk' }).waitFor();
  const desk = new URL(maker.url());
  assert.equal(desk.hostname, 'ledgerly.localhost', 'the platform has an origin of its own');
  const changed = await changes(maker, 'match-invoices');
  assert.equal(changed, 200, 'the agreed flow can be changed');
  assert.equal(await changes(maker, 'remind-suppliers'), 403, 'no other flow can');

  maker.complaints.length = 0; // the platform has no icon, and the refusal was asked for

  await security.goto(`${portal}/security`);
  await security.getByRole('link', { name: new RegExp(`^${grant}`) }).first().waitFor();
  await isSound(security, 'life-security', 'light');

  await maker.goto(`${portal}/grants/${grant}`);
  await maker.getByRole('table', { name: /Recorded actions/ }).waitFor();
  await button(maker, 'I am done').click();
  await maker.getByText('You gave it back. Thank you.').waitFor();
  await maker.getByRole('heading', { name: 'What was taken back' }).waitFor();
  await isSound(maker, 'life-ended', 'light');

  const refused = await maker.goto(`http://${desk.host}/`);
  assert.ok([401, 403].includes(refused.status()), `what has ended cannot be used: ${refused.status()}`);
  maker.complaints.length = 0;

  await security.goto(`${portal}/evidence?grant=${grant}`);
  const entries = security.getByRole('link', { name: /^E-\d+$/ });
  assert.ok((await entries.count()) >= 4, 'the life is on record');
  await entries.first().click();
  await security.getByRole('heading', { level: 1, name: /genuine/ }).waitFor();
  await isSound(security, 'life-entry', 'light');
});

// Changes a flow by the platform's own interface, from the platform's own page; answers with the status.
function changes(page, flow) {
  return page.evaluate(async (flow) => {
    const response = await fetch(`/api/flows/${flow}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ steps: ['read new invoices', 'match by tax code', 'book'] }),
    });
    return response.status;
  }, flow);
}
