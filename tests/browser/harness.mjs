// What every browser test shares: one Chromium, one context per way of looking at a page, and the checks
// that hold for all pages (no accessibility violation, nothing in the console, no sideways scroll).
//
// `cargo xtask test` tells by the environment where the portal, the browser and its driver are.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

function told(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set; run \`cargo xtask test --only browser\``);
  return value;
}

export const portal = told('REMIT_TEST_URL');
const driver = createRequire(join(told('REMIT_TEST_DRIVER'), 'here.js'));
const { chromium } = driver('playwright-core');
const axe = readFileSync(driver.resolve('axe-core/axe.min.js'), 'utf8');
const shots = told('REMIT_TEST_SHOTS');
mkdirSync(shots, { recursive: true });

const DESK = { width: 1280, height: 900 };

// The ways in which every page is looked at.
export const VARIANTS = {
  light: { viewport: DESK },
  dark: { viewport: DESK, colorScheme: 'dark' },
  mobile: { viewport: { width: 360, height: 800 }, isMobile: true, hasTouch: true },
  forced: { viewport: DESK, forcedColors: 'active' },
  nojs: { viewport: DESK, javaScriptEnabled: false },
};

// Chromium without its own calls home: on a machine with a closed network they fill the console.
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function launch() {
  return chromium.launch({ executablePath: told('REMIT_TEST_CHROMIUM'), args: FLAGS });
}

// A context in which `variant` is true, and where words and times do not depend on the machine.
export function context(browser, variant = 'light', more = {}) {
  return browser.newContext({
    ...VARIANTS[variant],
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    reducedMotion: 'reduce',
    ...more,
  });
}

// A page that remembers what the console said against it.
export async function open(where) {
  const page = await where.newPage();
  page.setDefaultTimeout(10_000);
  page.complaints = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) page.complaints.push(message.text().slice(0, 300));
  });
  page.on('pageerror', (error) => page.complaints.push(`thrown: ${error.message}`));
  return page;
}

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

// The accessibility rules that the page breaks. The checker runs in a world of its own, so the page's strict
// policy stays on and is tested with it.
export async function violations(page) {
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send('Page.getFrameTree');
  const { executionContextId: contextId } = await session.send('Page.createIsolatedWorld', {
    frameId: frameTree.frame.id,
    worldName: 'axe',
  });
  await session.send('Runtime.evaluate', { expression: axe, contextId });
  const told = await session.send('Runtime.evaluate', {
    contextId,
    awaitPromise: true,
    returnByValue: true,
    expression: `axe.run(document, { runOnly: ${JSON.stringify(RULES)} }).then((result) =>
      result.violations.map((rule) => \`\${rule.id}: \${rule.nodes.length} times, first \${rule.nodes[0].html.slice(0, 200)}: \${rule.nodes[0].failureSummary}\`))`,
  });
  await session.detach();
  assert.ok(told.result?.value, `the accessibility checker did not run: ${told.exceptionDetails?.text}`);
  return told.result.value;
}

// How many pixels the page is wider than its window.
function sideways(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}

// Takes a picture and holds the page against what is true of every page.
export async function isSound(page, name, variant) {
  await page.screenshot({ path: join(shots, `${name}-${variant}.png`), fullPage: true });
  assert.equal(await page.locator('h1').count(), 1, 'a page has one h1');
  assert.match(await page.title(), /\S/, 'a page has a title');
  if (VARIANTS[variant].javaScriptEnabled !== false) {
    assert.deepEqual(await violations(page), [], 'accessibility');
    assert.ok((await sideways(page)) <= 0, 'the page scrolls sideways');
  }
  assert.deepEqual(page.complaints, [], 'the console is silent');
}
