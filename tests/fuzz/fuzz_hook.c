/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_hook: settings of coding agents, as others wrote them.
 *
 * The first byte says whose, and whether with hooks after tools. What is read can be written again, byte for byte. With firn's
 * hooks in it, it still has all that it had; putting them in twice is putting them in once; and
 * taken out again, nothing of firn is left, and nothing else is gone.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "hook/hook_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct edit {
    const struct fi_hook_agent *agent; /* NULL: nothing is changed */
    bool installs;
    bool has_tools;
};

static int
install(json_t *settings, const struct fi_hook_agent *agent, bool has_tools, firn_error *err)
{
    const struct fi_hook_agent_wish wish = {agent, "firn hook run x", "", has_tools};
    return fi_hook_settings_install(settings, &wish, err);
}

static int
change(void *ctx, json_t *settings, firn_error *err)
{
    const struct edit *edit = ctx;
    if (edit->agent == NULL) {
        return FIRN_OK;
    }
    return edit->installs ? install(settings, edit->agent, edit->has_tools, err)
                          : fi_hook_settings_remove(settings, edit->agent, err);
}

/* The text after a change: what is written is what the settings became; where nothing changed it is
 * the text as it was. NULL if the change is refused. To be freed. */
static char *
changed_text(firn_slice text, const struct fi_hook_agent *agent, bool installs, bool has_tools)
{
    struct edit edit = {agent, installs, has_tools};
    struct fi_hook_settings_changed changed;
    firn_error err;
    json_t *again = NULL;
    if (fi_hook_settings_change(text, "file", change, &edit, &changed, &err) != FIRN_OK) {
        CHECK(changed.text == NULL && err.code == FIRN_INVALID);
        return NULL;
    }
    CHECK(fi_hook_settings_read(firn_str(changed.text), "again", &again, &err) == FIRN_OK);
    CHECK(json_equal(changed.settings, again));
    if (!changed.has_changed && memchr(text.data, '{', text.size) != NULL) {
        CHECK(strlen(changed.text) == text.size && memcmp(changed.text, text.data, text.size) == 0);
    }
    json_decref(again);
    char *out = strdup(changed.text);
    CHECK(out != NULL);
    fi_hook_settings_changed_deinit(&changed);
    return out;
}

static void
check_texts(firn_slice text, const struct fi_hook_agent *agent, bool has_tools)
{
    char *plain = changed_text(text, NULL, false, false);
    char *with = changed_text(text, agent, true, has_tools);
    CHECK(plain != NULL);
    if (with != NULL) {
        char *twice = changed_text(firn_str(with), agent, true, has_tools);
        char *without = changed_text(firn_str(with), agent, false, false);
        CHECK(twice != NULL && strcmp(twice, with) == 0);
        CHECK(without != NULL);
        free(twice);
        free(without);
    }
    free(with);
    free(plain);
}

static void
check_install(json_t *settings, const struct fi_hook_agent *agent, bool has_tools)
{
    firn_error err;
    json_t *bare = json_deep_copy(settings);
    CHECK(bare != NULL);
    int code = fi_hook_settings_remove(bare, agent, &err);
    CHECK(install(settings, agent, has_tools, &err) == code);
    if (code != FIRN_OK) {
        CHECK(code == FIRN_INVALID && json_equal(bare, settings));
        json_decref(bare);
        return;
    }
    json_t *once = json_deep_copy(settings);
    CHECK(install(settings, agent, has_tools, &err) == FIRN_OK);
    CHECK(json_equal(once, settings));
    CHECK(fi_hook_settings_remove(settings, agent, &err) == FIRN_OK);
    if (json_object_get(bare, "version") == NULL) {
        (void)json_object_del(settings, "version"); /* stays, for hooks that may come */
    }
    if (json_object_size(json_object_get(bare, "hooks")) == 0) {
        (void)json_object_del(bare, "hooks"); /* empty, it may go or stay */
        (void)json_object_del(settings, "hooks");
    }
    json_t *hooks = json_object_get(bare, "hooks");
    for (unsigned when = 0; when < FI_HOOK_AGENT_WHENS; when++) {
        for (size_t i = 0; i < FI_HOOK_AGENT_EVENTS_MAX && agent->events[when][i] != NULL; i++) {
            const char *event = agent->events[when][i];
            if (json_array_size(json_object_get(hooks, event)) == 0) {
                (void)json_object_del(hooks, event); /* so may an event's list */
                (void)json_object_del(json_object_get(settings, "hooks"), event);
            }
        }
    }
    if (json_object_size(hooks) == 0) {
        (void)json_object_del(bare, "hooks");
        (void)json_object_del(settings, "hooks");
    }
    CHECK(json_equal(bare, settings));
    json_decref(once);
    json_decref(bare);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"claude",  "gemini",   "cursor",
                                        "copilot", "windsurf", "codex"};
    json_t *settings = NULL;
    firn_error err;
    if (size == 0) {
        return 0;
    }
    json_object_seed(1);
    int code = fi_hook_settings_read(firn_bytes(data + 1, size - 1), "file", &settings, &err);
    if (code != FIRN_OK) {
        CHECK(code == FIRN_INVALID && err.code == code && settings == NULL);
        return 0;
    }
    const struct fi_hook_agent *agent = fi_hook_agent_find(names[data[0] % 6]);
    bool has_tools = data[0] / 6 % 2 == 1;
    check_texts(firn_bytes(data + 1, size - 1), agent, has_tools);
    check_install(settings, agent, has_tools);
    json_decref(settings);
    return 0;
}
