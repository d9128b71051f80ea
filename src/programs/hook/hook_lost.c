/* SPDX-License-Identifier: Apache-2.0
 *
 * hook/hook_lost.c: firn's hooks that a restore takes out of an agent's settings.
 */
#include "hook/hook_internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
has_hooks(const char *root, const struct firn_hook_agent *agent)
{
    char path[PATH_MAX];
    char *text = NULL;
    size_t text_size = 0;
    firn_error err;
    int size = snprintf(path, sizeof(path), "%s/%s", root, agent->file);
    bool has_any = size > 0 && (size_t)size < sizeof(path) &&
                   firn_hook_file_read(path, &text, &text_size, &err) == FIRN_OK &&
                   firn_hook_settings_mention(firn_bytes(text, text_size));
    free(text);
    return has_any;
}

unsigned
firn_hook_lost_look(const char *root)
{
    unsigned found = 0;
    const struct firn_hook_agent *agent;
    for (unsigned i = 0; (agent = firn_hook_agent_at(i)) != NULL; i++) {
        found |= has_hooks(root, agent) ? 1U << i : 0;
    }
    return found;
}

bool
firn_hook_lost_next(unsigned *lost, const char **out_path, char *out_text)
{
    const struct firn_hook_agent *agent;
    for (unsigned i = 0; (agent = firn_hook_agent_at(i)) != NULL; i++) {
        if ((*lost >> i & 1) != 0) {
            *lost &= ~(1U << i);
            *out_path = agent->file;
            (void)snprintf(out_text, FIRN_HOOK_LOST_TEXT_SIZE,
                           "firn's hooks are no longer in it, so the turns of %s are not saved any "
                           "more; firn hook install %s puts them back",
                           agent->title, agent->name);
            return true;
        }
    }
    return false;
}
