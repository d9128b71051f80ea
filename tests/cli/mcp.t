The MCP server as a command: its options, and answers on its output.

  $ mkdir w && echo one >w/a
  $ cat >ask <<'END'
  > {"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}
  > {"jsonrpc":"2.0","method":"notifications/initialized"}
  > {"jsonrpc":"2.0","id":1,"method":"ping"}
  > nonsense
  > {"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"checkpoint_restore","arguments":{"workspace_path":"w","snapshot_id":"latest"}}}
  > END
  $ firn mcp <ask | grep -v instructions
  {"jsonrpc":"2.0","id":1,"result":{}}
  {"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"invalid token near 'nonsense' (byte 8)"}}
  {"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"{\"error\":{\"code\":\"FIRN_NOT_FOUND\",\"message\":\"'<T>/w/w' has no checkpoint yet: there is no store at '<T>/data/firn/w-<hex>'\",\"hint\":\"checkpoint_list shows the checkpoints\"}}"}],"structuredContent":{"error":{"code":"FIRN_NOT_FOUND","message":"'<T>/w/w' has no checkpoint yet: there is no store at '<T>/data/firn/w-<hex>'","hint":"checkpoint_list shows the checkpoints"}},"isError":true}}
  $ ls -A | grep -v '^ask$'
  w
  $ firn -C w mcp --store ../s </dev/null
  $ printf '{"jsonrpc"' | firn mcp
  ! firn: the input ended within a message; it was not read
  $ firn mcp --json
  {"error":{"code":"FIRN_INVALID","message":"mcp: --json cannot be used with this command, which always prints JSON","exit":2}}
  ! firn: mcp: --json cannot be used with this command, which always prints JSON
  ! usage: firn mcp [options]
  ! help: firn help mcp
  [2]
  $ firn mcp x
  ! firn: mcp: unexpected argument 'x'
  ! usage: firn mcp [options]
  ! help: firn help mcp
  [2]
