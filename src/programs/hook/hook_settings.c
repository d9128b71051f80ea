/* SPDX-License-Identifier: Apache-2.0
 *
 * hook/hook_settings.c: firn's hooks in an agent's settings.
 *
 * The file belongs to the agent: every byte that is not firn's stays (hook_json.c), including a
 * byte order mark at its start. Files that cannot be reproduced exactly are refused: those with
 * comments, repeated members, or numbers beyond 64 bits.
 *
 *     {"hooks": {EVENT: [{"hooks": [{"type": "command", "command": ...}]}]}}   with groups
 *     {"version": 1, "hooks": {EVENT: [{"command": ...}]}}                     without
 *
 * A group for tools has a "matcher", which says after which of them the hook runs.
 *
 * A hook is firn's if its command contains "firn hook run ". Installing removes these first, so
 * that doing it twice is doing it once, and a hook of an older firn is replaced.
 */
#include "hook/hook_internal.h"
#include "term/term_try.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMAND_SIZE = 4500 };

int
fi_hook_settings_fail(firn_error *err, int code, const char *format, ...)
{
    assert(code != FIRN_OK);
    va_list arguments;
    memset(err, 0, sizeof(*err));
    err->code = code;
    va_start(arguments, format);
    (void)vsnprintf(err->text, sizeof(err->text), format, arguments);
    va_end(arguments);
    return code;
}

static bool
is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* Where the JSON begins: after a byte order mark. */
static size_t
mark_size(firn_slice text)
{
    return text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static firn_slice
without_mark(firn_slice text)
{
    size_t size = mark_size(text);
    return firn_bytes(size > 0 ? text.data + size : text.data, text.size - size);
}

static bool
is_blank(firn_slice text)
{
    size_t spaces = 0;
    while (spaces < text.size && is_space(text.data[spaces])) {
        spaces++;
    }
    return spaces == text.size;
}

int
fi_hook_settings_read(firn_slice text, const char *name, json_t **out, firn_error *err)
{
    json_error_t error;
    *out = NULL;
    text = without_mark(text);
    if (is_blank(text)) {
        *out = json_object();
        return *out != NULL ? FIRN_OK : fi_hook_settings_fail(err, FIRN_NO_MEMORY, "out of memory");
    }
    if (memchr(text.data, '\0', text.size) != NULL) { /* jansson accepts it after some numbers */
        return fi_hook_settings_fail(
            err, FIRN_INVALID, "'%s' is not JSON that can be changed: it has a zero byte", name);
    }
    json_t *settings = json_loadb((const char *)text.data, text.size,
                                  JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (settings == NULL) {
        return fi_hook_settings_fail(err, FIRN_INVALID,
                                     "'%s' is not JSON that can be changed: line %d, column %d: %s",
                                     name, error.line, error.column, error.text);
    }
    if (!json_is_object(settings)) {
        json_decref(settings);
        return fi_hook_settings_fail(err, FIRN_INVALID, "'%s' does not contain a JSON object",
                                     name);
    }
    *out = settings;
    return FIRN_OK;
}

/* In a document of its own. */
static char *
write_whole(const json_t *settings)
{
    char *text = json_dumps(settings, JSON_INDENT(2));
    size_t size = text != NULL ? strlen(text) : 0;
    char *line = text != NULL ? realloc(text, size + 2) : NULL;
    if (line == NULL) {
        free(text);
        return NULL;
    }
    memcpy(line + size, "\n", 2);
    return line;
}

int
fi_hook_settings_change(firn_slice text, const char *name,
                        int (*change)(void *ctx, json_t *settings, firn_error *err), void *ctx,
                        struct fi_hook_settings_changed *out, firn_error *err)
{
    json_t *settings = NULL;
    struct fi_hook_json *edit = NULL;
    memset(out, 0, sizeof(*out));
    FI_TRY_RETURN(fi_hook_settings_read(text, name, &settings, err));
    json_t *before = json_deep_copy(settings);
    bool is_new = is_blank(without_mark(text));
    if (!is_new) {
        edit = fi_hook_json_begin((const char *)text.data, text.size, mark_size(text), settings);
    }
    int code = change(ctx, settings, err);
    if (code == FIRN_OK) {
        out->has_changed = before == NULL || !json_equal(before, settings);
        out->settings = json_incref(settings);
        out->text = is_new ? write_whole(settings) : edit != NULL ? fi_hook_json_text(edit) : NULL;
        if (before == NULL || out->text == NULL) {
            fi_hook_settings_changed_deinit(out);
            code = fi_hook_settings_fail(err, FIRN_NO_MEMORY, "out of memory");
        }
    }
    fi_hook_json_end(edit);
    json_decref(before);
    json_decref(settings);
    return code;
}

void
fi_hook_settings_changed_deinit(struct fi_hook_settings_changed *changed)
{
    json_decref(changed->settings);
    free(changed->text);
    memset(changed, 0, sizeof(*changed));
}

static bool
is_ours(const json_t *hook)
{
    static const char *const keys[] = {"command", "bash"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const char *command = json_string_value(json_object_get(hook, keys[i]));
        if (command != NULL && fi_hook_agent_mention(firn_str(command))) {
            return true;
        }
    }
    return false;
}

/* Takes firn's hooks out of a list of hooks; whether there were any. */
static bool
remove_hooks(json_t *hooks)
{
    bool had_any = false;
    for (size_t i = json_array_size(hooks); i > 0; i--) {
        if (is_ours(json_array_get(hooks, i - 1))) {
            had_any = json_array_remove(hooks, i - 1) == 0 || had_any;
        }
    }
    return had_any;
}

/* And out of a list of groups, with the groups in which nothing else was. */
static bool
remove_from_groups(json_t *groups)
{
    assert(groups == NULL || json_is_array(groups));
    bool had_any = false;
    for (size_t i = json_array_size(groups); i > 0; i--) {
        json_t *hooks = json_object_get(json_array_get(groups, i - 1), "hooks");
        if (remove_hooks(hooks)) {
            had_any = true;
            if (json_array_size(hooks) == 0) {
                (void)json_array_remove(groups, i - 1);
            }
        }
    }
    return had_any;
}

/* The n-th event of an agent, of any moment; NULL after the last. */
static const char *
event_at(const struct fi_hook_agent *agent, size_t n, enum fi_hook_agent_when *out_when)
{
    for (unsigned when = 0; when < FI_HOOK_AGENT_WHENS; when++) {
        for (size_t i = 0; i < FI_HOOK_AGENT_EVENTS_MAX && agent->events[when][i] != NULL; i++) {
            if (n-- == 0) {
                *out_when = (enum fi_hook_agent_when)when;
                return agent->events[when][i];
            }
        }
    }
    return NULL;
}

/* Whether the places that matter are lists, or not there. */
static int
hook_settings_check(const json_t *settings, const struct fi_hook_agent *agent, firn_error *err)
{
    const json_t *hooks = json_object_get(settings, "hooks");
    const json_t *version = json_object_get(settings, "version");
    const char *name;
    enum fi_hook_agent_when when;
    if (hooks != NULL && !json_is_object(hooks)) {
        return fi_hook_settings_fail(err, FIRN_INVALID, "\"hooks\" is not an object");
    }
    for (size_t i = 0; (name = event_at(agent, i, &when)) != NULL; i++) {
        const json_t *event = json_object_get(hooks, name);
        if (event != NULL && !json_is_array(event)) {
            return fi_hook_settings_fail(err, FIRN_INVALID, "\"%s\" is not an array", name);
        }
    }
    if (agent->version != 0 && version != NULL && json_integer_value(version) != agent->version) {
        return fi_hook_settings_fail(err, FIRN_INVALID, "\"version\" is not %ld", agent->version);
    }
    return FIRN_OK;
}

int
fi_hook_settings_remove(json_t *settings, const struct fi_hook_agent *agent, firn_error *err)
{
    assert(json_is_object(settings));
    int code = hook_settings_check(settings, agent, err);
    json_t *hooks = json_object_get(settings, "hooks");
    const char *name;
    enum fi_hook_agent_when when;
    if (code != FIRN_OK || hooks == NULL) {
        return code;
    }
    bool had_any = false;
    for (size_t i = 0; (name = event_at(agent, i, &when)) != NULL; i++) {
        json_t *event = json_object_get(hooks, name);
        bool had_here =
            agent->form == FI_HOOK_AGENT_GROUPS ? remove_from_groups(event) : remove_hooks(event);
        if (had_here && json_array_size(event) == 0) {
            (void)json_object_del(hooks, name);
        }
        had_any = had_any || had_here;
    }
    if (had_any && json_object_size(hooks) == 0) {
        (void)json_object_del(settings, "hooks");
    }
    return FIRN_OK;
}

bool
fi_hook_settings_say_nothing(const json_t *settings, const struct fi_hook_agent *agent)
{
    bool has_version = agent->version != 0 && json_object_get(settings, "version") != NULL;
    return json_object_size(settings) == (has_version ? 1U : 0U);
}

/* The member of an object, made if it is not there; NULL if there is no memory. */
static json_t *
member(json_t *object, const char *name, json_t *(*make)(void))
{
    assert(object == NULL || json_is_object(object)); /* NULL where memory is out */
    json_t *value = json_object_get(object, name);
    if (value == NULL && json_object_set_new(object, name, make()) == 0) {
        value = json_object_get(object, name);
    }
    return value;
}

/* A hook. NULL if there is no memory, or the command is not UTF-8. */
static json_t *
make_hook(const struct fi_hook_agent *agent, const char *command)
{
    json_t *hook = json_object();
    bool is_done = hook != NULL;
    if (is_done && agent->has_type) {
        is_done = json_object_set_new(hook, "type", json_string("command")) == 0;
    }
    is_done = is_done && json_object_set_new(hook, agent->command_key, json_string(command)) == 0;
    if (is_done && agent->timeout_key != NULL) {
        is_done = json_object_set_new(hook, agent->timeout_key,
                                      json_integer((json_int_t)agent->timeout)) == 0;
    }
    if (!is_done) {
        json_decref(hook);
        return NULL;
    }
    return hook;
}

/* What stands in the list of an event: a hook, or a group with it. */
static json_t *
make_element(const struct fi_hook_agent_wish *wish, enum fi_hook_agent_when when)
{
    char line[COMMAND_SIZE];
    const struct fi_hook_agent *agent = wish->agent;
    int size = snprintf(line, sizeof(line), "%s %s%s", wish->command, fi_hook_agent_when_name(when),
                        wish->options);
    if (size < 0 || (size_t)size >= sizeof(line)) {
        return NULL;
    }
    json_t *hook = make_hook(agent, line);
    if (agent->form != FI_HOOK_AGENT_GROUPS || hook == NULL) {
        return hook;
    }
    bool has_matcher = when == FI_HOOK_AGENT_TOOL && agent->tools != NULL;
    return has_matcher ? json_pack("{s:s,s:[o]}", "matcher", agent->tools, "hooks", hook)
                       : json_pack("{s:[o]}", "hooks", hook);
}

static bool
is_wanted(const struct fi_hook_agent_wish *wish, enum fi_hook_agent_when when)
{
    return when != FI_HOOK_AGENT_TOOL || wish->has_tools;
}

/* How many elements of a list equal this one. */
static size_t
count_equal(const json_t *list, const json_t *wanted)
{
    size_t found = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        found += (size_t)json_equal(json_array_get(list, i), wanted);
    }
    return found;
}

/* Whether exactly these hooks are there already. */
static bool
is_installed(const json_t *settings, const struct fi_hook_agent_wish *wish)
{
    firn_error err;
    const char *name;
    enum fi_hook_agent_when when;
    json_t *bare = json_deep_copy(settings);
    const json_t *hooks = json_object_get(settings, "hooks");
    bool is_there = bare != NULL && fi_hook_settings_remove(bare, wish->agent, &err) == FIRN_OK;
    for (size_t i = 0; is_there && (name = event_at(wish->agent, i, &when)) != NULL; i++) {
        const json_t *event = json_object_get(hooks, name);
        const json_t *rest = json_object_get(json_object_get(bare, "hooks"), name);
        size_t wanted = is_wanted(wish, when) ? 1 : 0;
        json_t *element = wanted == 1 ? make_element(wish, when) : NULL;
        /* None of firn's but this one: without it as many are left as without any. */
        is_there = (wanted == 0 || (element != NULL && count_equal(event, element) == 1)) &&
                   json_array_size(rest) + wanted == json_array_size(event);
        json_decref(element);
    }
    json_decref(bare);
    return is_there;
}

static bool
append_all(json_t *hooks, const struct fi_hook_agent_wish *wish)
{
    const char *name;
    enum fi_hook_agent_when when;
    bool is_done = hooks != NULL;
    for (size_t i = 0; is_done && (name = event_at(wish->agent, i, &when)) != NULL; i++) {
        if (is_wanted(wish, when)) {
            json_t *event = member(hooks, name, json_array);
            is_done = event != NULL && json_array_append_new(event, make_element(wish, when)) == 0;
        }
    }
    return is_done;
}

int
fi_hook_settings_install(json_t *settings, const struct fi_hook_agent_wish *wish, firn_error *err)
{
    assert(json_is_object(settings));
    const struct fi_hook_agent *agent = wish->agent;
    int code = hook_settings_check(settings, agent, err);
    if (code != FIRN_OK || is_installed(settings, wish)) {
        return code;
    }
    FI_TRY_RETURN(fi_hook_settings_remove(settings, agent, err));
    bool is_done = true;
    if (agent->version != 0 && json_object_get(settings, "version") == NULL) {
        is_done = json_object_set_new(settings, "version", json_integer(agent->version)) == 0;
    }
    is_done = is_done && append_all(member(settings, "hooks", json_object), wish);
    return is_done
               ? FIRN_OK
               : fi_hook_settings_fail(err, FIRN_NO_MEMORY, "out of memory, or a name is too long");
}
