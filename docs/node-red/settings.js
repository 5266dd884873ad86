// A ready settings file for a Node-RED 4.1 that Remit governs: `node-red --settings settings.js --userDir DIR`.
//
// - Every request's bearer token is asked about at Remit (`adminAuth.tokens`), so a grant that ends is over at the next request.
// - Remit's gateway comes with a secret of its own, which no person ever sees.
// - Each audit event becomes one JSON line in REMIT_AUDIT_LOG, which Remit follows into its ledger (`audit-logs` in its configuration).
//
// Environment: REMIT_URL (such as http://localhost:8080), REMIT_HOOK_SECRET_FILE (the secret behind `hook-secret-file`),
// REMIT_GATEWAY_SECRET_FILE (the value behind `credential-file`, without "Bearer "), REMIT_AUDIT_LOG (a file ending in .jsonl).
const crypto = require('crypto');
const fs = require('fs');

const needed = (name) => {
  if (!process.env[name]) throw new Error(`${name} is not set: see the top of settings.js`);
  return process.env[name];
};
const secret = (name) => fs.readFileSync(needed(name), 'utf8').trim();
const url = new URL('/hooks/node-red/token', needed('REMIT_URL'));
const hookSecret = secret('REMIT_HOOK_SECRET_FILE');
const gatewaySecret = secret('REMIT_GATEWAY_SECRET_FILE');
const auditLog = needed('REMIT_AUDIT_LOG');

const digest = (text) => crypto.createHash('sha256').update(text).digest();
const isGateway = (token) => crypto.timingSafeEqual(digest(token), digest(gatewaySecret));

// Whoever can't be asked about has no access: an unreachable Remit answers nothing.
async function tokens(token) {
  if (isGateway(token)) return { username: 'remit-gateway', permissions: '*' };
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${hookSecret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
      signal: AbortSignal.timeout(2000),
    });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

module.exports = {
  uiHost: '127.0.0.1',
  uiPort: process.env.PORT || 1880,
  flowFile: 'flows.json',
  credentialSecret: process.env.NODE_RED_CREDENTIAL_SECRET || false,
  adminAuth: { type: 'credentials', users: [], tokens },
  logging: {
    console: { level: 'warn', metrics: false, audit: false },
    remit: {
      level: 'off',
      metrics: false,
      audit: true,
      handler: () => (event) => {
        if (event.event) fs.appendFileSync(auditLog, `${JSON.stringify(event)}\n`);
      },
    },
  },
  // nothing outside the governed interface
  editorTheme: { tours: false, projects: { enabled: false } },
  telemetry: { enabled: false, updateNotification: false },
};
