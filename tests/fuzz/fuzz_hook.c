/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_hook: settings of coding agents, as others wrote them.
 *
 * The first byte says whose. What is read can be written and read again and is the same. With firn's
 * hooks in it, it still has all that it had; putting them in twice is putting them in once; and
 * taken out again, nothing of firn is left, and nothing else is gone.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "cli/hook_settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *
written_and_read(const json_t *settings)
{
    firn_error err;
    json_t *again = NULL;
    char *text = firn_hook_settings_write(settings);
    CHECK(text != NULL);
    CHECK(firn_hook_settings_read(firn_str(text), "again", &again, &err) == FIRN_OK);
    free(text);
    return again;
}

static void
check_install(json_t *settings, const struct firn_hook_agent *agent)
{
    firn_error err;
    json_t *bare = json_deep_copy(settings);
    CHECK(bare != NULL);
    int code = firn_hook_settings_remove(bare, agent, &err);
    CHECK(firn_hook_settings_install(settings, agent, "firn hook run x", "", &err) == code);
    if (code != FIRN_OK) {
        CHECK(code == FIRN_INVALID && json_equal(bare, settings));
        json_decref(bare);
        return;
    }
    json_t *once = json_deep_copy(settings);
    CHECK(firn_hook_settings_install(settings, agent, "firn hook run x", "", &err) == FIRN_OK);
    CHECK(json_equal(once, settings));
    CHECK(firn_hook_settings_remove(settings, agent, &err) == FIRN_OK);
    if (json_object_get(bare, "version") == NULL) {
        (void)json_object_del(settings, "version"); /* stays, for hooks that may come */
    }
    if (json_object_size(json_object_get(bare, "hooks")) == 0) {
        (void)json_object_del(bare, "hooks"); /* empty, it may go or stay */
        (void)json_object_del(settings, "hooks");
    }
    json_t *hooks = json_object_get(bare, "hooks");
    for (size_t i = 0; i < 2; i++) {
        if (json_array_size(json_object_get(hooks, agent->events[i])) == 0) {
            (void)json_object_del(hooks, agent->events[i]); /* so may an event's list */
            (void)json_object_del(json_object_get(settings, "hooks"), agent->events[i]);
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
    static const char *const names[] = {"claude", "gemini", "cursor"};
    json_t *settings = NULL;
    firn_error err;
    if (size == 0) {
        return 0;
    }
    json_object_seed(1);
    int code = firn_hook_settings_read(firn_bytes(data + 1, size - 1), "file", &settings, &err);
    if (code != FIRN_OK) {
        CHECK(code == FIRN_INVALID && err.code == code && settings == NULL);
        return 0;
    }
    json_t *again = written_and_read(settings);
    CHECK(json_equal(settings, again));
    json_decref(again);
    check_install(settings, firn_hook_agent_find(names[data[0] % 3]));
    json_decref(settings);
    return 0;
}
