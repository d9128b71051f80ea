/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/hook_settings.h: firn's hooks in an agent's settings, which are JSON that others wrote.
 */
#ifndef FIRN_CLI_HOOK_SETTINGS_H
#define FIRN_CLI_HOOK_SETTINGS_H

#include <jansson.h>

#include "cli/hook_agent.h"
#include "firn/firn.h"

/* Reads settings; nothing but spaces is an empty object. FIRN_INVALID, with line and column, for
 * what is no JSON object, and for one that could not be written again as it is. To be given back with
 * json_decref. `name` is the file's, for the message. */
FIRN_MUST_CHECK int firn_hook_settings_read(firn_slice text, const char *name, json_t **out,
                                            firn_error *err);

/* Settings after a change. */
struct firn_hook_settings_changed {
    json_t *settings;
    char *text; /* each byte that is not about the change as it was */
    bool has_changed;
};

/* Reads settings, as above, lets `change` change them, and writes them. Fails as reading and `change`
 * do; *out is then empty. */
FIRN_MUST_CHECK int
firn_hook_settings_change(firn_slice text, const char *name,
                          int (*change)(void *ctx, json_t *settings, firn_error *err), void *ctx,
                          struct firn_hook_settings_changed *out, firn_error *err);
void firn_hook_settings_changed_deinit(struct firn_hook_settings_changed *changed);

/* Puts firn's hooks into settings; the command of each is `command` with "before" or "after" behind
 * it and then `options`. Those of firn that are there already give way. FIRN_INVALID, with nothing
 * changed, where something else stands in the place of a list. */
FIRN_MUST_CHECK int firn_hook_settings_install(json_t *settings,
                                               const struct firn_hook_agent *agent,
                                               const char *command, const char *options,
                                               firn_error *err);
/* Takes firn's hooks out, and the lists that only they were in. */
FIRN_MUST_CHECK int firn_hook_settings_remove(json_t *settings, const struct firn_hook_agent *agent,
                                              firn_error *err);
/* Whether a command of firn's hooks stands anywhere in the text of settings. */
bool firn_hook_settings_mention(firn_slice text);
/* Whether nothing is left in settings but what installing puts around the hooks. */
bool firn_hook_settings_say_nothing(const json_t *settings, const struct firn_hook_agent *agent);

#endif
