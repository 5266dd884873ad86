// The public API, as a program would use it: brings the demo into the states that pages are looked at in.
import assert from 'node:assert/strict';
import { portal } from './harness.mjs';

// People of the demo.
export const MAKER = 'a-lindqvist';
export const OWNER = 'r-haddad';
export const SECURITY = 'm-sato';
export const AUDITOR = 'o-danso';
export const PLANNER = 'j-costa';

export const EDIT_FLOW = 'ledgerly-edit-production-flow';

async function call(token, method, path, body) {
  const response = await fetch(`${portal}/api/v1${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

const tokens = new Map();

// Calls the API as `account`.
export async function as(account, method, path, body) {
  if (!tokens.has(account)) {
    const { token } = await call(null, 'POST', '/session', { account });
    tokens.set(account, token);
  }
  return call(tokens.get(account), method, path, body);
}

// Asks for the flow's editing as the maker; answers with the request's number.
export async function ask(target, words = {}) {
  const sent = await as(MAKER, 'POST', '/requests', {
    privilege: EDIT_FLOW,
    targets: [target],
    duration_seconds: 1800,
    ticket: 'INC-20418',
    answers: {
      change: 'Map the renamed tax code field in the matching step and book the 14 failed invoices.',
      tested: 'Ran the same change in the test flow: all 14 invoices matched.',
      ...words,
    },
    confirmed: ['tested', 'watch'],
  });
  return sent.request.number;
}

async function decide(account, number, verb, comment) {
  const { digest } = await as(account, 'GET', `/requests/${number}`);
  return as(account, 'POST', `/requests/${number}/${verb}`, { digest, comment });
}

// Every seat says yes; answers with the grant's number.
export async function grant(number) {
  await decide(OWNER, number, 'approve', 'The test copy was checked; the change is small.');
  await decide(SECURITY, number, 'approve', 'Nothing unusual about it.');
  const { grant } = await as(MAKER, 'GET', `/requests/${number}`);
  assert.match(grant, /^G-\d+$/);
  return grant;
}

export function deny(number) {
  return decide(OWNER, number, 'deny', 'Please fix it in the test copy first.');
}

export function giveBack(number) {
  return as(MAKER, 'POST', `/grants/${number}/return`, {});
}
