/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/patience.c: waiting for another writer as long as --wait says, and not longer than a signal
 * allows.
 *
 * The library can wait for a lock by itself, but it calls nobody while it waits: a program that
 * handed it the whole minute would not notice Ctrl-C. So the library waits in slices of a fifth of
 * a second and the program counts. A writing call takes the lock first, so most do nothing twice but
 * wait. A restore that meets a store within its tree that is being written looks at the tree again
 * after each slice: what it found out before the store changed is of no use.
 */
#include "cli/patience.h"

#include <stdio.h>

#include "cli/meter.h"
#include "cli/signals.h"

enum { SLICE_MS = 200, TEXT_SIZE = 160 };

int64_t
firn_patience_slice_ms(const struct firn_cli *cli)
{
    return cli->wait_ms < SLICE_MS ? cli->wait_ms : SLICE_MS;
}

int
firn_patience_run(const struct firn_cli *cli, int (*attempt)(void *ctx, firn_error *err), void *ctx,
                  firn_error *err)
{
    firn_meter_start(!cli->quiet);
    for (;;) {
        int code = attempt(ctx, err);
        if (code != FIRN_BUSY || firn_meter_elapsed() * 1000 >= (double)cli->wait_ms) {
            return code;
        }
        if (firn_signals_caught() != 0) {
            err->code = FIRN_CANCELLED;
            (void)snprintf(err->text, sizeof(err->text), "interrupted");
            return FIRN_CANCELLED;
        }
        if (firn_meter_is_due()) {
            char text[TEXT_SIZE];
            (void)snprintf(text, sizeof(text), "waiting for another writer: %.0f s",
                           firn_meter_elapsed());
            firn_meter_draw(text);
        }
    }
}
