/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_patience.c: waiting for another writer, until --wait is over or a signal comes.
 *
 * The library can wait for a lock, but makes no callbacks meanwhile: in a wait of a minute the
 * program would not notice Ctrl-C. So the library waits in slices of a fifth of a second, and the
 * program counts them. A writing call takes the lock first, so most calls repeat only the waiting.
 * A restore that finds a busy store inside its tree scans the tree again after each slice, because
 * the store may have changed.
 */
#include "task/task.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "term/term.h"

enum { SLICE_MS = 200, TEXT_SIZE = 320 };

int64_t
fi_task_patience_slice_ms(const struct fi_cli *cli)
{
    assert(cli->wait_ms >= 0);
    return cli->wait_ms < SLICE_MS ? cli->wait_ms : SLICE_MS;
}

/* The restore that is waited for, or an empty text. */
static void
find_restore(const struct fi_cli *cli, char *out, size_t size)
{
    assert(size > 0);
    firn_workspace_pending_restore pending = FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    out[0] = '\0';
    if (cli->workspace != NULL &&
        firn_workspace_pending(cli->workspace, &pending, NULL) == FIRN_OK && pending.is_running) {
        fi_task_pending_running(&pending, out, size);
    }
}

static void
show_waiting(const struct fi_cli *cli)
{
    char text[TEXT_SIZE];
    if (!fi_term_meter_is_wanted()) {
        return;
    }
    find_restore(cli, text, sizeof(text));
    const struct fi_term_meter_state state = {
        .phase = text[0] != '\0' ? "waiting" : "waiting for another writer", .text = text};
    fi_term_meter_show(&state);
}

static int
task_patience_run(const struct fi_cli *cli, int (*attempt)(void *ctx, firn_error *err), void *ctx,
                  firn_error *err)
{
    assert(cli->wait_ms >= 0);
    for (;;) {
        int code = attempt(ctx, err);
        if (code != FIRN_BUSY || fi_term_meter_elapsed() * 1000 >= (double)cli->wait_ms) {
            return code;
        }
        if (fi_term_signals_caught() != 0) {
            err->code = FIRN_CANCELLED;
            (void)snprintf(err->text, sizeof(err->text), "interrupted");
            return FIRN_CANCELLED;
        }
        show_waiting(cli);
    }
}

int
fi_task_patience_run(const struct fi_cli *cli, int (*attempt)(void *ctx, firn_error *err),
                     void *ctx, firn_error *err)
{
    fi_term_meter_start(!cli->quiet);
    int code = task_patience_run(cli, attempt, ctx, err);
    fi_term_meter_stop();
    if (code == FIRN_BUSY) {
        char text[TEXT_SIZE];
        find_restore(cli, text, sizeof(text));
        size_t used = strlen(err->text);
        (void)snprintf(err->text + used, sizeof(err->text) - used, "%s%s",
                       text[0] != '\0' ? "; " : "", text);
    }
    return code;
}

int
fi_task_patience_save(void *ctx, firn_error *err)
{
    struct fi_task_patience_saving *saving = ctx;
    return firn_workspace_save(saving->workspace, &saving->options, &saving->result, err);
}
