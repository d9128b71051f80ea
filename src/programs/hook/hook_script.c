/* SPDX-License-Identifier: Apache-2.0
 *
 * hook/hook_script.c: hooks that are files of firn's own.
 *
 * Cline runs, for each event, the script of that name in a directory. OpenCode loads each module in
 * a directory as a plugin. Such a file is firn's if it contains "firn hook run " (hook_settings.c
 * has the same rule); any other file at its path stays as it is, and the install is refused before
 * anything is written.
 *
 * Whatever happens to a save, the turn goes on. A script always ends with 0 and answers as Cline
 * demands. Cline waits for a script for half a minute and stops the turn then, so the save gets
 * less; a save that is ended leaves the store as it was. The plugin waits for firn and ignores what
 * comes of it.
 */
#include "hook/hook_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char script_format[] =
    "#!/bin/sh\n"
    "# Saves the turns of Cline. Written by: firn hook install cline\n"
    "# Deleted by: firn hook remove cline\n"
    "timeout 25 %s %s%s >/dev/null\n"
    "echo '{\"cancel\": false}'\n";

static const char plugin_format[] =
    "// Saves the turns of OpenCode. Written by: firn hook install opencode\n"
    "// Deleted by: firn hook remove opencode\n"
    "import { spawn } from \"node:child_process\"\n"
    "\n"
    "const command = \"%s\"\n"
    "const options = %s\n"
    "\n"
    "// Waits for firn. A save that fails does not stop the turn.\n"
    "const save = (directory, when, event) =>\n"
    "  new Promise((done) => {\n"
    "    const child = spawn(\"/bin/sh\", [\"-c\", `exec ${command} ${when}${options}`], {\n"
    "      cwd: directory,\n"
    "      stdio: [\"pipe\", \"ignore\", \"ignore\"],\n"
    "    })\n"
    "    child.on(\"error\", done)\n"
    "    child.on(\"close\", done)\n"
    "    child.stdin.on(\"error\", () => {})\n"
    "    child.stdin.end(JSON.stringify({ cwd: directory, ...event }))\n"
    "  })\n"
    "\n"
    "export const Firn = async ({ client, directory }) => {\n"
    "  // What a subagent does is part of the turn of the session that started it.\n"
    "  const root = async (id) => {\n"
    "    try {\n"
    "      for (let depth = 0; depth < 8; depth++) {\n"
    "        const session = (await client.session.get({ path: { id } }))?.data\n"
    "        if (!session?.parentID) break\n"
    "        id = session.parentID\n"
    "      }\n"
    "    } catch {}\n"
    "    return id\n"
    "  }\n"
    "  return {\n"
    "    \"chat.message\": async (input, output) => {\n"
    "      if ((await root(input.sessionID)) !== input.sessionID) return\n"
    "      const prompt = (output?.parts ?? [])\n"
    "        .filter((part) => part.type === \"text\" && !part.synthetic)\n"
    "        .map((part) => part.text)\n"
    "        .join(\"\\n\")\n"
    "      await save(directory, \"before\", { session_id: input.sessionID, prompt })\n"
    "    },\n"
    "    event: async ({ event }) => {\n"
    "      const id = event?.properties?.sessionID\n"
    "      if (event?.type !== \"session.idle\" || (await root(id)) !== id) return\n"
    "      await save(directory, \"after\", { session_id: id })\n"
    "    },\n"
    "%s"
    "  }\n"
    "}\n";

static const char plugin_tools[] =
    "    \"tool.execute.after\": async (input) => {\n"
    "      const id = await root(input.sessionID)\n"
    "      await save(directory, \"tool\", { session_id: id, tool_name: input.tool })\n"
    "    },\n";

/* ---- which files ---- */

static bool
is_wanted(const struct fi_hook_agent_wish *wish, enum fi_hook_agent_when when)
{
    return when != FI_HOOK_AGENT_TOOL || wish->has_tools;
}

static int
add_scripts(const struct fi_hook_agent_wish *wish, const char *path, enum fi_hook_agent_when when,
            struct fi_hook_script_list *out)
{
    const struct fi_hook_agent *agent = wish->agent;
    for (size_t i = 0; i < FI_HOOK_AGENT_EVENTS_MAX && agent->events[when][i] != NULL; i++) {
        struct fi_hook_script *script = &out->scripts[out->count++];
        script->is_script = true;
        if (asprintf(&script->path, "%s/%s", path, agent->events[when][i]) < 0) {
            script->path = NULL;
            return FIRN_NO_MEMORY;
        }
        if (is_wanted(wish, when) && asprintf(&script->text, script_format, wish->command,
                                              fi_hook_agent_when_name(when), wish->options) < 0) {
            script->text = NULL;
            return FIRN_NO_MEMORY;
        }
    }
    return FIRN_OK;
}

/* The options as a string of JavaScript, which one of JSON is. */
static int
add_plugin(const struct fi_hook_agent_wish *wish, const char *path, struct fi_hook_script_list *out,
           firn_error *err)
{
    struct fi_hook_script *script = &out->scripts[out->count++];
    json_t *value = json_string(wish->options);
    char *options = value != NULL ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    json_decref(value);
    if (options == NULL) {
        return fi_hook_settings_fail(err, FIRN_INVALID, "the store's path is not UTF-8");
    }
    script->path = strdup(path);
    if (asprintf(&script->text, plugin_format, wish->command, options,
                 wish->has_tools ? plugin_tools : "") < 0) {
        script->text = NULL;
    }
    free(options);
    return script->path != NULL && script->text != NULL ? FIRN_OK : FIRN_NO_MEMORY;
}

int
fi_hook_script_list_make(const struct fi_hook_agent_wish *wish,
                         const struct fi_hook_file_place *place, struct fi_hook_script_list *out,
                         firn_error *err)
{
    int code = FIRN_OK;
    const char *path = place->path;
    memset(out, 0, sizeof(*out));
    out->base_size = place->base_size;
    if (wish->agent->form == FI_HOOK_AGENT_PLUGIN) {
        code = add_plugin(wish, path, out, err);
    } else {
        assert(wish->agent->form == FI_HOOK_AGENT_SCRIPTS);
        for (unsigned when = 0; when < FI_HOOK_AGENT_WHENS; when++) {
            code = code == FIRN_OK ? add_scripts(wish, path, (enum fi_hook_agent_when)when, out)
                                   : code;
        }
    }
    if (code == FIRN_NO_MEMORY) {
        (void)fi_hook_settings_fail(err, code, "out of memory");
    }
    if (code != FIRN_OK) {
        fi_hook_script_list_deinit(out);
    }
    return code;
}

void
fi_hook_script_list_deinit(struct fi_hook_script_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->scripts[i].path);
        free(list->scripts[i].text);
    }
    memset(list, 0, sizeof(*list));
}

/* ---- writing and deleting them ---- */

/* What is at the path of a script. */
struct found {
    bool is_there;
    bool is_ours;
    bool is_equal; /* to what is wanted */
};

static int
hook_script_inspect(const struct fi_hook_script *script, size_t base_size, struct found *out,
                    firn_error *err)
{
    char *text = NULL;
    size_t size = 0;
    const struct fi_hook_file_place place = {script->path, base_size, false};
    int code = fi_hook_file_read(&place, &text, &size, err);
    out->is_there = text != NULL;
    out->is_ours = code == FIRN_OK && fi_hook_agent_mention(firn_bytes(text, size));
    out->is_equal = out->is_ours && text != NULL && script->text != NULL &&
                    strlen(script->text) == size && memcmp(script->text, text, size) == 0;
    free(text);
    return code;
}

static int
hook_script_change(const struct fi_hook_script_list *list, size_t i, bool installs,
                   bool *out_changed, firn_error *err)
{
    struct found found;
    bool is_removed;
    const struct fi_hook_script *script = &list->scripts[i];
    const struct fi_hook_file_place place = {script->path, list->base_size, false};
    int code = hook_script_inspect(script, list->base_size, &found, err);
    if (code != FIRN_OK || (installs && found.is_equal)) {
        return code;
    }
    if (installs && script->text != NULL) {
        *out_changed = true;
        return script->is_script ? fi_hook_file_replace_script(&place, script->text, err)
                                 : fi_hook_file_replace(&place, script->text, err);
    }
    if (!found.is_ours) {
        return FIRN_OK;
    }
    *out_changed = true;
    return fi_hook_file_remove(&place, "", &is_removed, err);
}

int
fi_hook_script_list_install(const struct fi_hook_script_list *list, bool *out_changed,
                            firn_error *err)
{
    int code = FIRN_OK;
    *out_changed = false;
    for (size_t i = 0; i < list->count; i++) {
        struct found found;
        code = hook_script_inspect(&list->scripts[i], list->base_size, &found, err);
        if (code != FIRN_OK) {
            return code;
        }
        if (found.is_there && !found.is_ours && list->scripts[i].text != NULL) {
            return fi_hook_settings_fail(err, FIRN_INVALID,
                                         "'%.400s' is there already, and is not firn's",
                                         list->scripts[i].path);
        }
    }
    for (size_t i = 0; code == FIRN_OK && i < list->count; i++) {
        code = hook_script_change(list, i, true, out_changed, err);
    }
    return code;
}

int
fi_hook_script_list_remove(const struct fi_hook_script_list *list, bool *out_changed,
                           firn_error *err)
{
    int code = FIRN_OK;
    *out_changed = false;
    for (size_t i = 0; code == FIRN_OK && i < list->count; i++) {
        code = hook_script_change(list, i, false, out_changed, err);
    }
    return code;
}
