// Signing in as people of the demo, once each: what a browser keeps of it is lent to every later context.
import { context, open, portal } from './harness.mjs';

const kept = new Map();

// What a browser keeps after signing in as `account`.
export async function signedIn(browser, account) {
  if (!kept.has(account)) {
    const where = await context(browser);
    const page = await open(where);
    await page.goto(`${portal}/sign-in`);
    await page.locator(`input[name="account"][value="${account}"]`).check();
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(`${portal}/`);
    kept.set(account, await where.storageState());
    await where.close();
  }
  return kept.get(account);
}

// A context of `variant` in which `account` is signed in.
export async function contextOf(browser, account, variant = 'light') {
  return context(browser, variant, { storageState: await signedIn(browser, account) });
}
