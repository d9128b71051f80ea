/* SPDX-License-Identifier: Apache-2.0
 *
 * remotes/remotes.c: what the commands about remotes share: the limit of the rate, hints, sums.
 *
 * The library's messages say what is wrong with a storage and with keys; the hints here say which
 * command comes next.
 */
#include "remotes/remotes_internal.h"

#include <assert.h>

#include "task/task.h"
#include "term/term.h"

int
fi_remotes_limit(struct fi_cli *cli, int64_t *out)
{
    const char *text = fi_command_value(cli, "limit");
    uint64_t bytes = 0;
    firn_error err;
    *out = 0;
    if (text != NULL && firn_config_size(text, &bytes, &err) != FIRN_OK) {
        return fi_command_misused(cli, "--limit: %s", err.text);
    }
    if (bytes > INT64_MAX) {
        return fi_command_misused(cli, "--limit: '%s' is too large", text);
    }
    *out = (int64_t)bytes;
    return FI_EXIT_OK;
}

/* ---- which remotes there are ---- */

struct putting {
    void (*put)(firn_slice name);
};

static int
put_remote(void *ctx, const firn_remote_info *remote)
{
    const struct putting *putting = ctx;
    putting->put(firn_str(remote->name));
    return FIRN_OK;
}

void
fi_remotes_put(struct fi_cli *cli, void (*put)(firn_slice name))
{
    firn_workspace *workspace;
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    struct putting putting = {put};
    options.store_path = cli->store_path;
    if (firn_workspace_open(".", &options, &workspace, NULL) == FIRN_OK) {
        int code = firn_remote_list(workspace, put_remote, &putting, NULL);
        (void)code; /* what could be read is offered */
        firn_workspace_close(workspace);
    }
}

/* ---- hints ---- */

/* Nothing can be sent, fetched or removed without a key. */
static const char *
denied_hint(const firn_workspace *workspace)
{
    if (!fi_command_key_nobody_answered()) {
        return NULL;
    }
    return fi_command_key_may_be_encrypted(firn_workspace_store_path(workspace))
               ? "nothing was done: checkpoints and the URLs of remotes are encrypted; without the "
                 "key, firn check --no-key looks for damage, and firn check --remote --no-key URL "
                 "in a remote"
               : "nothing was done: what the remote has is encrypted; without its key, firn check "
                 "--remote --no-key looks for damage";
}

const char *
fi_remotes_hint(firn_workspace *workspace, const char *remote, int code)
{
    assert(code != FIRN_OK);
    switch (code) {
    case FIRN_NOT_FOUND:
        if (!fi_task_remote_has(workspace, NULL)) {
            return NULL;
        }
        return remote != NULL && !fi_task_remote_has(workspace, remote)
                   ? "firn remote list shows the remotes"
                   : "if it is on another disk or machine, mount that first";
    case FIRN_INVALID:
        return remote == NULL && fi_task_remote_has(workspace, NULL)
                   ? "firn remote list shows the remotes"
                   : NULL;
    case FIRN_UNTRUSTED:
        return "firn --store STORE remote list shows them; if they are yours: firn trust STORE";
    case FIRN_DENIED:
        return denied_hint(workspace);
    case FIRN_IO:
        return "nothing is lost: run this again when the storage can be reached";
    default:
        return NULL;
    }
}

/* ---- sums ---- */

void
fi_remotes_print_checkpoints(uint64_t count)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    fi_term_out_format("%s %s", fi_term_text_number(count, number),
                       fi_term_text_plural(count, "checkpoint", "checkpoints"));
}

void
fi_remotes_print_requests(uint64_t requests)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    fi_term_out_format("%s %s", fi_term_text_number(requests, number),
                       fi_term_text_plural(requests, "request", "requests"));
}

void
fi_remotes_print_traffic(uint64_t bytes, uint64_t requests)
{
    char size[FI_TERM_TEXT_SIZE_SIZE];
    fi_term_out_format(", %s in ", fi_term_text_size(bytes, size));
    fi_remotes_print_requests(requests);
}
