// SPDX-License-Identifier: Apache-2.0
//
// sdk.mjs SDK FIRN WORK: a session with `firn mcp` through the client of the official SDK, which validates every structured
// result against the schema that the server gave for it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { pathToFileURL } from 'node:url';

const [sdk, firn, work] = process.argv.slice(2);
const { Client } = await import(`${sdk}/dist/esm/client/index.js`);
const { ListRootsRequestSchema } = await import(`${sdk}/dist/esm/types.js`);
const { StdioClientTransport } = await import(`${sdk}/dist/esm/client/stdio.js`);

const workspace_path = `${work}/w`;
fs.mkdirSync(workspace_path);
fs.writeFileSync(`${workspace_path}/a.txt`, 'one\n');

const client = new Client({ name: 'test', version: '1' }, { capabilities: { roots: { listChanged: true } } });
client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: pathToFileURL(workspace_path).href }] }));
await client.connect(new StdioClientTransport({ command: firn, args: ['mcp', '--allow-delete'], env: { ...process.env } }));
assert.equal(client.getServerVersion().name, 'firn');
assert.ok(client.getInstructions().includes('checkpoint_save'));
assert.deepEqual(client.getServerCapabilities(), { tools: {}, prompts: {} });
const { tools } = await client.listTools();
assert.equal(tools.length, 16);
const { prompts } = await client.listPrompts();
assert.deepEqual(prompts.map(prompt => prompt.name), ['undo', 'undo_turn', 'redo', 'checkpoint', 'changes', 'bring_back']);
const asked = await client.getPrompt({ name: 'checkpoint', arguments: { message: 'a "b"' } });
assert.ok(asked.messages[0].content.text.includes('"a \\"b\\""'));
await assert.rejects(client.getPrompt({ name: 'bring_back' }), { code: -32602 });
await assert.rejects(client.getPrompt({ name: 'nothing' }), { code: -32602 });

let calls = 4;
async function call(name, args, options) {
    calls++;
    const result = await client.callTool({ name, arguments: { workspace_path, ...args } }, undefined, options);
    assert.ok(!result.isError, JSON.stringify(result));
    return result.structuredContent;
}

assert.deepEqual(await call('checkpoint_list', {}), { checkpoints: [] });
const first = await call('checkpoint_save', { message: 'before' });
assert.equal(first.stats.total_files, 1);
fs.writeFileSync(`${workspace_path}/a.txt`, 'two\n');
fs.writeFileSync(`${workspace_path}/b.txt`, 'new\n');
assert.equal((await call('checkpoint_status', {})).files_changed, 1);
const diff = await call('checkpoint_diff', { patch: true });
assert.ok(diff.changes[0].patch.includes('-one\n+two\n'));
const dry = await call('checkpoint_restore', { snapshot_id: 'latest', dry_run: true });
assert.deepEqual([dry.files_added, dry.files_changed, dry.files_removed], [0, 1, 1]);
await call('checkpoint_restore', { snapshot_id: first.snapshot_id });
assert.equal(fs.readFileSync(`${workspace_path}/a.txt`, 'utf8'), 'one\n');
await call('checkpoint_undo', {});
assert.equal(fs.readFileSync(`${workspace_path}/a.txt`, 'utf8'), 'two\n');
await call('checkpoint_save', { message: 'after' });
const reverted = await call('checkpoint_revert', { snapshot_id: 'latest', dry_run: true });
assert.deepEqual([reverted.files_added, reverted.files_changed, reverted.files_removed], [0, 1, 1]);
assert.equal((await call('checkpoint_show', { snapshot_id: '1' })).entries.length, 1);

// A tool that fails is a result; what the protocol does not allow is an error.
const missing = await client.callTool({ name: 'checkpoint_restore', arguments: { workspace_path, snapshot_id: '99' } });
assert.equal(missing.isError, true);
assert.equal(missing.structuredContent.error.code, 'FIRN_NOT_FOUND');
assert.equal((await client.callTool({ name: 'checkpoint_restore', arguments: { workspace_path } })).isError, true);
await assert.rejects(client.callTool({ name: 'nothing', arguments: {} }), { code: -32602 });
await assert.rejects(client.listResources(), /.*/);
calls += 4;

// Progress, pings meanwhile, and cancelling.
for (let i = 0; i < 6; i++) {
    fs.writeFileSync(`${workspace_path}/large${i}`, Buffer.from(Array.from({ length: 1 << 22 }, () => Math.random() * 256)));
}
let steps = 0;
let slowest = 0;
let saved = false;
const saving = call('checkpoint_save', {}, { onprogress: () => steps++, resetTimeoutOnProgress: true }).then(() => (saved = true));
while (!saved) {
    const begun = Date.now();
    await Promise.all([client.ping(), new Promise(done => setTimeout(done, 5))]);
    slowest = Math.max(slowest, Date.now() - begun);
    calls++;
}
await saving;
assert.ok(slowest < 1000, `a ping took ${slowest} ms`);
const abort = new AbortController();
const cancelled = client.callTool({ name: 'checkpoint_status', arguments: { workspace_path } }, undefined, { signal: abort.signal });
abort.abort('enough');
await assert.rejects(cancelled);
assert.equal((await call('checkpoint_list', {})).checkpoints.length, 3);
assert.equal((await call('checkpoint_delete', { snapshot_id: '1' })).deleted, true);
await client.close();
console.log(`count: ${calls} requests by the client of the MCP SDK`);
