/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_foreign.c: files in a store inside of a tree that firn did not make.
 */
#include "task/task.h"

#include <assert.h>

#include "term/term.h"

enum { SHOWN_MAX = 8, SHOWN_MAX_JSON = 1000 };

struct foreign {
    const char *store;
    uint64_t count;
    bool is_json;
    bool has_replaced;
};

static int
report_file(void *ctx, const char *path, bool is_replaced)
{
    struct foreign *foreign = ctx;
    foreign->has_replaced = foreign->has_replaced || is_replaced;
    if (foreign->count < SHOWN_MAX) {
        fi_command_report_line(is_replaced ? "%s/%s is not the file that firn made: it was replaced"
                                           : "%s/%s was not made by firn here: it is ignored",
                               foreign->store, path);
    }
    if (foreign->is_json && foreign->count == 0) {
        fi_term_json_array("foreign_files");
    }
    if (foreign->is_json && foreign->count < SHOWN_MAX_JSON) {
        fi_term_json_object(NULL);
        fi_term_json_bytes("path", firn_str(path));
        fi_term_json_bool("replaced", is_replaced);
        fi_term_json_end();
    }
    foreign->count++;
    return FIRN_OK;
}

void
fi_task_foreign_report(const struct fi_cli *cli, const char *store_path)
{
    assert(store_path != NULL);
    struct foreign foreign = {.store = store_path, .is_json = cli->json};
    int code = firn_trust_foreign_files(store_path, report_file, &foreign, NULL);
    (void)code; /* the command says why, if it needs them */
    if (foreign.count == 0) {
        return;
    }
    if (foreign.is_json) {
        fi_term_json_end();
        if (foreign.count > SHOWN_MAX_JSON) {
            fi_term_json_u64("foreign_files_not_shown", foreign.count - SHOWN_MAX_JSON);
        }
    }
    if (foreign.count > SHOWN_MAX) {
        fi_command_report_line("and %llu more", (unsigned long long)(foreign.count - SHOWN_MAX));
    }
    fi_command_report_more(
        "hint", foreign.has_replaced
                    ? "what changes the tree replaced it, such as git or an archive: firn trust "
                      "accepts the files that are there; move them away, and firn repair keeps "
                      "the rest"
                    : "what changes the tree put it there, such as git; if you did, with firn as "
                      "another user or with a backup, firn trust makes it a part of the store");
}
